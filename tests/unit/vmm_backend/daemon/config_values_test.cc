// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/config_values.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>

namespace marrow {
namespace {

TEST(ByteSize, TakesBinaryUnits) {
  const std::pair<const char*, std::uint64_t> kCases[] = {
      {"0", 0},
      {"7", 7},
      {"7B", 7},
      {"64KiB", 65536},
      {"3MiB", 3 << 20},
      {"1GiB", 1 << 30},
      {"16777215TiB", std::uint64_t{16777215} << 40},
      {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()},
  };
  for (const auto& [text, bytes] : kCases) {
    auto size = ParseByteSize(text);
    ASSERT_TRUE(size.ok()) << text << ": " << size.status();
    EXPECT_EQ(*size, bytes) << text;
  }
}

TEST(ByteSize, RefusesAllElse) {
  for (const char* text : {"", "KiB", "-1", "+1", "1 KiB", "1.5GiB", "1KB", "1kib", "0x10",
                           "16777216TiB", "18446744073709551616", "1KiBx"}) {
    EXPECT_FALSE(ParseByteSize(text).ok()) << text;
  }
}

TEST(WindowSize, IsAPowerOfTwoInTheAbiRange) {
  for (const char* text : {"4KiB", "64KiB", "16MiB"})
    EXPECT_TRUE(ParseWindowSize(text).ok()) << text;
  for (const char* text : {"0", "4095", "2KiB", "5KiB", "32MiB"}) {
    EXPECT_FALSE(ParseWindowSize(text).ok()) << text;
  }
}

TEST(Name, HasOneTo64SafeCharacters) {
  EXPECT_TRUE(ParseName(std::string(64, 'a')).ok());
  EXPECT_TRUE(ParseName("Web_1.example-x").ok());
  EXPECT_FALSE(ParseName(std::string(65, 'a')).ok());
  for (const char* text : {"", "a b", "a/b", "ü", "a\n"})
    EXPECT_FALSE(ParseName(text).ok()) << text;
}

TEST(SocketPath, FitsSunPath) {
  EXPECT_TRUE(ParseSocketPath("/" + std::string(106, 'a')).ok());
  EXPECT_FALSE(ParseSocketPath("/" + std::string(107, 'a')).ok());
  EXPECT_FALSE(ParseSocketPath("relative").ok());
}

TEST(Path, RefusesZeroBytes) { EXPECT_FALSE(ParsePath(absl::string_view("/a\0b", 4)).ok()); }

}  // namespace
}  // namespace marrow
