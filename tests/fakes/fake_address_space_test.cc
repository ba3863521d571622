// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_address_space.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

constexpr std::uint64_t kGva = 0xffff'c900'0000'1ff8;

TEST(FakeAddressSpace, ShowsByPageWalkWhatWasWrittenByGva) {
  for (const int levels : {4, 5}) {
    FakeAddressSpace space(1 << 20, levels);
    space.Write(kGva, "across two pages");
    const auto first = Translate(PageWords(space), space.root(), Gva{kGva});
    const auto second = Translate(PageWords(space), space.root(), Gva{kGva + 8});
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_EQ(first->table_count, levels);
    EXPECT_EQ(AsText(*space.Page(PageOf(first->gpa))).substr(4088), "across t");
    EXPECT_EQ(AsText(*space.Page(second->gpa)).substr(0, 8), "wo pages");
  }
}

TEST(FakeAddressSpace, MapsLargePages) {
  FakeAddressSpace space;
  space.Map(0xffff'8880'0000'0000, 0, 1 << 30);
  space.Map(0xffff'ffff'8000'0000, 2 << 20, 2 << 20);
  EXPECT_EQ(space.GpaOf(0xffff'8880'0012'3456), 0x12'3456u);
  EXPECT_EQ(space.GpaOf(0xffff'ffff'8000'1234), 0x20'1234u);
}

TEST(FakeAddressSpace, BreaksPages) {
  FakeAddressSpace space;
  EXPECT_TRUE(space.Page(Gpa{0x1000}).ok());
  space.Break(0x1000);
  EXPECT_FALSE(space.Page(Gpa{0x1000}).ok());
  EXPECT_FALSE(space.Page(Gpa{1 << 30}).ok());
}

}  // namespace
}  // namespace marrow
