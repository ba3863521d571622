// SPDX-License-Identifier: Apache-2.0
// Kernel pages through page tables: where they are, and how many a dump would hold.
#include "guest/agent/kcore_space.h"

#include <gtest/gtest.h>

#include "fake_ram.h"

namespace marrow::agent {
namespace {

using Kept = graph::Space::Kept;
using profile::kImage;
using profile::kVmalloc;

constexpr std::uint64_t kPage = 0x100000;

TEST(PageTables, FindPagesAtEachLeafLevel) {
  const struct {
    int levels;
    int leaf_level;
    std::uint64_t inside;  // of a page in the leaf
    std::size_t tables;
  } cases[] = {
      {4, 1, 0, 4}, {4, 2, 0x5000, 3}, {4, 3, 0x12345000, 2}, {5, 1, 0, 5}, {5, 2, 0x5000, 4}};
  for (const auto& c : cases) {
    FakeRam ram;
    const std::uint64_t gva = 0xffffff0000000000;
    ram.Map(gva, 0x40000000, c.leaf_level, c.levels);
    PageTables tables(ram, FakeRam::Facts(static_cast<std::uint8_t>(c.levels)));
    const auto mapping = tables.Find(gva + c.inside + 0x123);
    ASSERT_TRUE(mapping) << c.levels << " " << c.leaf_level;
    EXPECT_EQ(mapping->gpa, 0x40000000 + c.inside);
    EXPECT_EQ(mapping->table_count, c.tables);
    EXPECT_EQ(mapping->tables[0], FakeRam::kRoot);
  }
}

TEST(PageTables, IgnoreAttributesOfEntries) {
  constexpr std::uint64_t kNoExecute = std::uint64_t{1} << 63;
  constexpr std::uint64_t kLargePat = 1 << 12;
  FakeRam ram;
  ram.Map(kVmalloc, kPage | kNoExecute);
  ram.Map(kImage, 0x40000000 | kLargePat | kNoExecute, 2);
  PageTables tables(ram, FakeRam::Facts());
  EXPECT_EQ(tables.Find(kVmalloc)->gpa, kPage);
  EXPECT_EQ(tables.Find(kImage)->gpa, 0x40000000u);
}

TEST(PageTables, FindNothingWhereNothingIsMapped) {
  FakeRam ram;
  ram.Map(kVmalloc, kPage);
  PageTables tables(ram, FakeRam::Facts());
  EXPECT_FALSE(tables.Find(kVmalloc + 4096));
  EXPECT_FALSE(tables.Find(kImage));
}

TEST(PageTables, FindNothingBehindATableThatIsNotRam) {
  FakeRam ram;
  ram.Map(kVmalloc, kPage);
  ram.Put64(FakeRam::kRoot + 8 * (kVmalloc >> 39 & 511), 0x7fff0063);
  PageTables tables(ram, FakeRam::Facts());
  EXPECT_FALSE(tables.Find(kVmalloc));
}

TEST(PageTables, NeedARootAndADirectMap) {
  FakeRam ram;
  EXPECT_FALSE(PageTables(ram, {}).usable());
  EXPECT_FALSE(PageTables(ram, {}).Find(kVmalloc));
  EXPECT_TRUE(PageTables(ram, FakeRam::Facts()).usable());
}

class KcoreSpaceTest : public testing::Test {
 protected:
  KcoreSpaceTest() {
    ram_.AddPage(kPage);
    ram_.Put64(kPage + 8, 42);
    ram_.Map(kVmalloc, kPage);
    ram_.Map(kVmalloc + 0x1000, kPage);
    ram_.Map(kVmalloc + 0x2000, 0xfee00000);
    view_.memory = &ram_;
  }

  FakeRam ram_;
  profile::KernelView view_;
};

TEST_F(KcoreSpaceTest, LooksAtPages) {
  KcoreSpace space(view_, FakeRam::Facts());
  const graph::PageView view = space.Look(kVmalloc);
  ASSERT_EQ(view.bytes.size(), 4096u);
  EXPECT_EQ(view.bytes[8], std::byte{42});
  EXPECT_EQ(space.kept_pages(), 0u);
}

TEST_F(KcoreSpaceTest, SaysWhyThereIsNoPage) {
  KcoreSpace space(view_, FakeRam::Facts());
  EXPECT_EQ(space.Look(kVmalloc + 0x3000).why, "not mapped");
  EXPECT_EQ(space.Look(kVmalloc + 0x2000).why, "not RAM");
  EXPECT_EQ(space.Keep(kVmalloc + 0x2000), Kept::kNo);
  EXPECT_EQ(space.kept_pages(), 0u);
}

TEST_F(KcoreSpaceTest, KeepsAPageWithItsTables) {
  KcoreSpace space(view_, FakeRam::Facts());
  EXPECT_EQ(space.Keep(kVmalloc), Kept::kNew);
  EXPECT_EQ(space.kept_tables(), 4u);
  EXPECT_EQ(space.kept_pages(), 5u);
}

TEST_F(KcoreSpaceTest, CountsAPageOnceForAllItsAddresses) {
  KcoreSpace space(view_, FakeRam::Facts());
  EXPECT_EQ(space.Keep(kVmalloc), Kept::kNew);
  EXPECT_EQ(space.Keep(kVmalloc), Kept::kAlready);
  EXPECT_EQ(space.Keep(kVmalloc + 0x1000), Kept::kAlready);
  EXPECT_EQ(space.kept_pages(), 5u);
}

TEST_F(KcoreSpaceTest, KeepsRegionsByBothKindsOfAddress) {
  KcoreSpace space(view_, FakeRam::Facts());
  EXPECT_EQ(space.KeepRegion({MARROW_ADDRESS_GPA, kPage + 0xfff, 2, {}, ""}), 2u);
  EXPECT_EQ(space.KeepRegion({MARROW_ADDRESS_GVA, kVmalloc + 8, 8, {}, ""}), 0u);
  EXPECT_EQ(space.KeepRegion({MARROW_ADDRESS_GVA, kVmalloc + 0x3000, 8, {}, ""}), 0u);
  EXPECT_EQ(space.kept_pages(), 2u + 4u);
}

TEST_F(KcoreSpaceTest, ReadsByGvaWhereTheTablesAreNotKnown) {
  KcoreSpace space(view_, {});
  EXPECT_EQ(space.Look(profile::kDirectMap + kPage).bytes.size(), 4096u);
  EXPECT_EQ(space.Look(kVmalloc).why, "not readable through /proc/kcore");
  EXPECT_EQ(space.Keep(profile::kDirectMap + kPage), Kept::kNew);
  EXPECT_EQ(space.kept_pages(), 1u);
}

TEST_F(KcoreSpaceTest, WithoutTablesStillKnowsLinearMappings) {
  view_.linear = {{profile::kDirectMap, 0, 1 << 30}};
  KcoreSpace space(view_, {});
  EXPECT_EQ(space.KeepRegion({MARROW_ADDRESS_GPA, kPage, 8, {}, ""}), 1u);
  EXPECT_EQ(space.Keep(profile::kDirectMap + kPage), Kept::kAlready);
}

TEST_F(KcoreSpaceTest, KeepsNothingForZeros) {
  KcoreSpace space(view_, FakeRam::Facts());
  space.KeepAsZeros(kVmalloc);
  EXPECT_EQ(space.kept_pages(), 0u);
}

}  // namespace
}  // namespace marrow::agent
