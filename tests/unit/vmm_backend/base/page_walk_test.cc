// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/page_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace marrow {
namespace {

constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLarge = 0x80;

class FakeTables : public PhysicalWordReader {
 public:
  std::map<std::uint64_t, std::uint64_t> words;  // what is absent is not RAM
  absl::StatusOr<std::uint64_t> ReadWord(Gpa gpa) const override {
    const auto found = words.find(Raw(gpa));
    if (found == words.end()) return absl::OutOfRangeError("not RAM");
    return found->second;
  }
};

// Tables at 0x1000 (top), 0x2000, 0x3000, 0x4000, 0x5000; every index used is 511 at the top and 1
// below.
constexpr std::uint64_t kTop = 0x1000;
constexpr Gva kAddress{0xffff'ff80'4020'1abc};

FakeTables FourLevels() {
  FakeTables tables;
  tables.words = {{0x1000 + 511 * 8, 0x2000 | kPresent},
                  {0x2000 + 1 * 8, 0x3000 | kPresent},
                  {0x3000 + 1 * 8, 0x4000 | kPresent},
                  {0x4000 + 1 * 8, 0x8000'0000'7654'3000 | kPresent}};
  return tables;
}

TEST(PageWalk, TranslatesThroughFourLevels) {
  const auto result = Translate(FourLevels(), {Gpa{kTop}, 4}, kAddress);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Raw(result->gpa), 0x7654'3abcu);  // bit 63, no-execute, is not address
  EXPECT_EQ(result->leaf_bytes, 4096u);
  ASSERT_EQ(result->table_count, 4);
  EXPECT_EQ(result->table_pages[3], Gpa{0x4000});
}

TEST(PageWalk, TranslatesLargeLeaves) {
  FakeTables tables = FourLevels();
  tables.words[0x3000 + 8] = 0x4000'0000 | kLarge | kPresent;
  auto result = Translate(tables, {Gpa{kTop}, 4}, kAddress);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Raw(result->gpa), 0x4000'1abcu);
  EXPECT_EQ(result->leaf_bytes, 2u << 20);

  tables.words[0x2000 + 8] = 0x1'4000'0000 | kLarge | kPresent;
  result = Translate(tables, {Gpa{kTop}, 4}, kAddress);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Raw(result->gpa), 0x1'4020'1abcu);
  EXPECT_EQ(result->leaf_bytes, 1u << 30);
}

TEST(PageWalk, TranslatesThroughFiveLevels) {
  FakeTables tables = FourLevels();
  tables.words[0x9000 + 511 * 8] = kTop | kPresent;
  const auto result = Translate(tables, {Gpa{0x9000}, 5}, kAddress);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(Raw(result->gpa), 0x7654'3abcu);
  EXPECT_EQ(result->table_count, 5);
}

TEST(PageWalk, SaysWhichAddressIsNotMapped) {
  FakeTables tables = FourLevels();
  tables.words[0x4000 + 8] = 0;
  const auto result = Translate(tables, {Gpa{kTop}, 4}, kAddress);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(result.status().message()), testing::HasSubstr("0xffffff8040201abc"));
}

TEST(PageWalk, RefusesAddressesAndRootsThatCannotBe) {
  const FakeTables tables = FourLevels();
  EXPECT_EQ(Translate(tables, {Gpa{kTop}, 4}, Gva{0x0000'8000'0000'0000}).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Translate(tables, {Gpa{kTop}, 5}, Gva{0x0100'0000'0000'0000}).status().code(),
            absl::StatusCode::kOutOfRange);
  for (int levels : {-1, 0, 3, 6, 1 << 30}) {
    EXPECT_EQ(Translate(tables, {Gpa{kTop}, levels}, kAddress).status().code(),
              absl::StatusCode::kInvalidArgument)
        << levels;
  }
}

TEST(PageWalk, EndsInTablesThatPointToThemselves) {
  FakeTables tables;
  for (std::uint64_t i = 0; i < 512; ++i) tables.words[kTop + i * 8] = kTop | kPresent;
  const auto result = Translate(tables, {Gpa{kTop}, 4}, kAddress);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->table_count, 4);
}

TEST(PageWalk, PassesOnWhatTheReaderSays) {
  FakeTables tables = FourLevels();
  tables.words.erase(0x3000 + 8);
  EXPECT_EQ(Translate(tables, {Gpa{kTop}, 4}, kAddress).status().code(),
            absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace marrow
