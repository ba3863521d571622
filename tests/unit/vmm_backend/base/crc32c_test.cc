// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace marrow {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, GivesThePublishedValues) {
  std::string ascending(32, '\0');
  for (std::size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<char>(i);
  EXPECT_EQ(Crc32c(AsBytes("123456789")), 0xe3069283u);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\0'))), 0x8a9136aau);
  EXPECT_EQ(Crc32c(AsBytes(std::string(32, '\xff'))), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(AsBytes(ascending)), 0x46dd794eu);
}

TEST(Crc32c, ContinuesAcrossAnySplit) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  const std::uint32_t whole = Crc32c(AsBytes(text));
  for (std::size_t split = 0; split <= text.size(); ++split) {
    const Bytes bytes = AsBytes(text);
    EXPECT_EQ(Crc32c(bytes.subspan(split), Crc32c(bytes.first(split))), whole) << split;
  }
}

}  // namespace
}  // namespace marrow
