// SPDX-License-Identifier: Apache-2.0
#include "marrow/abi.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

extern "C" {
size_t marrow_c_header_bytes(void);
size_t marrow_c_region_bytes(void);
uint64_t marrow_c_guest_magic(void);
}

namespace {

std::string InMemory(uint64_t magic) {
  std::string text(sizeof(magic), '\0');
  std::memcpy(text.data(), &magic, sizeof(magic));
  return text;
}

TEST(Abi, MagicsReadAsTextInMemory) {
  EXPECT_EQ(InMemory(MARROW_HOST_MAGIC), "MARROWHW");
  EXPECT_EQ(InMemory(MARROW_GUEST_MAGIC), "MARROWGW");
}

TEST(Abi, HasTheSameShapeInC) {
  EXPECT_EQ(marrow_c_header_bytes(), sizeof(marrow_window_header));
  EXPECT_EQ(marrow_c_region_bytes(), sizeof(marrow_region));
  EXPECT_EQ(marrow_c_guest_magic(), MARROW_GUEST_MAGIC);
}

TEST(Abi, HostAndGuestWriteDifferentCacheLines) {
  EXPECT_EQ(offsetof(marrow_window_header, guest) % 64, 0u);
  EXPECT_EQ(offsetof(marrow_window_header, guest),
            sizeof(marrow_host_identity) + sizeof(marrow_host_ack));
}

}  // namespace
