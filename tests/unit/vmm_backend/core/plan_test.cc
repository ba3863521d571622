// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kStackTop = 0xffff'c900'0001'0000;

// RAM: [0, 1 MiB) and [4 GiB, 4 GiB + 64 KiB). Page tables map kStackTop - 16 KiB.. to 0x20000...
class PlanTest : public testing::Test, public PageSource {
 protected:
  PlanTest() {
    ram_ = *RamMap::Make({{Gpa{0}, 1 << 20}, {Gpa{1ull << 32}, 1 << 16}});
    table_.facts.page_table_root = 0x1000;
    table_.facts.page_table_levels = 4;
    Map(kStackTop - 0x4000, 0x20000);
    Map(kStackTop - 0x3000, 0x21000);
    Map(kStackTop - 0x2000, 0x30000);
    Map(kStackTop - 0x1000, 1ull << 32);
  }

  absl::StatusOr<Bytes> Page(Gpa page) override {
    ++pages_read_;
    return AsBytes(pages_.try_emplace(Raw(page), kPageBytes, '\0').first->second);
  }

  void SetWord(std::uint64_t gpa, std::uint64_t word) {
    std::string& page = pages_.try_emplace(PageDown(gpa), kPageBytes, '\0').first->second;
    StoreAt(std::as_writable_bytes(std::span(page)), gpa % kPageBytes, word);
  }

  void Map(std::uint64_t gva, std::uint64_t gpa) {
    SetWord(0x1000 + ((gva >> 39) & 511) * 8, 0x2001);
    SetWord(0x2000 + ((gva >> 30) & 511) * 8, 0x3001);
    SetWord(0x3000 + ((gva >> 21) & 511) * 8, 0x4001);
    SetWord(0x4000 + ((gva >> 12) & 511) * 8, gpa | 1);
  }

  void Add(AddressKind kind, std::uint64_t address, std::uint64_t size,
           marrow_region_class region_class = MARROW_CLASS_KERNEL_DATA) {
    table_.regions.push_back({.id = table_.regions.size() + 1,
                              .address_kind = kind,
                              .address = address,
                              .size = size,
                              .region_class = region_class,
                              .name = "r"});
  }

  CapturePlan Plan() {
    return PlanCapture({.table = &table_,
                        .vcpus = &vcpus_,
                        .ram = &ram_,
                        .memory = this,
                        .excluded = excluded_,
                        .limits = limits_});
  }

  RamMap ram_;
  RegionTable table_;
  std::vector<VcpuState> vcpus_;
  ClassSet excluded_;
  CaptureLimits limits_;
  std::map<std::uint64_t, std::string> pages_;
  std::uint64_t pages_read_ = 0;
};

TEST_F(PlanTest, RoundsRegionsToPagesAndSharesThem) {
  Add(AddressKind::kGpa, 0x1ff0, 0x20);
  Add(AddressKind::kGpa, 0x2000, 1);
  Add(AddressKind::kGpa, 0x1000, 0x1000);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, ElementsAre(Gpa{0x1000}, Gpa{0x2000}));
  EXPECT_THAT(plan.regions[0].pages, ElementsAre(Gpa{0x1000}, Gpa{0x2000}));
  EXPECT_THAT(plan.regions[1].pages, ElementsAre(Gpa{0x2000}));
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST_F(PlanTest, ListsWhatIsNotRam) {
  const struct {
    std::uint64_t address, size, missing_from, missing_bytes, pages;
  } cases[] = {
      {0xf0000, 0x20000, 0x100000, 0x10000, 16},          // runs into the hole
      {0x100000, 0x1000, 0x100000, 0x1000, 0},            // in the hole
      {0xfee00000, 0x1000, 0xfee00000, 0x1000, 0},        // APIC
      {0xffffff00, 0x200, 0xffffff00, 0x100, 1},          // out of the hole
      {0x100010000, 0x1000, 0x100010000, 0x1000, 0},      // behind the end
      {kMax - 0x1000, 0x1000, kMax - 0x1000, 0x1000, 0},  // at the top
      {0xff000, 0xffff2000, 0x100000, 0xfff00000, 1 + 15 + 1},
  };
  for (const auto& test : cases) {
    table_.regions.clear();
    Add(AddressKind::kGpa, test.address, test.size);
    limits_.region_bytes = kMax;
    const CapturePlan plan = Plan();
    ASSERT_FALSE(plan.missing.empty()) << std::hex << test.address;
    EXPECT_EQ(plan.missing[0].address, test.missing_from);
    EXPECT_EQ(plan.missing[0].bytes, test.missing_bytes) << std::hex << test.address;
    EXPECT_THAT(plan.missing[0].why, HasSubstr("not RAM"));
    EXPECT_EQ(plan.pages.size(), test.pages) << std::hex << test.address;
  }
}

TEST_F(PlanTest, CutsARegionAtItsLimit) {
  limits_.region_bytes = 0x2000;
  Add(AddressKind::kGpa, 0x1000, kMax - 0x1000);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, SizeIs(2));
  EXPECT_THAT(plan.missing, ElementsAre(Field(&MissingPart::why, HasSubstr("for one region"))));
}

TEST_F(PlanTest, StopsAtTheLimitOfTheWholeCapture) {
  limits_.capture_bytes = 0x3000;
  for (std::uint64_t i = 0; i < 5; ++i) Add(AddressKind::kGpa, i << 12, 0x1000);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, SizeIs(3));
  EXPECT_THAT(plan.missing, SizeIs(2));
  EXPECT_THAT(plan.missing[0].why, HasSubstr("for a capture"));
}

TEST_F(PlanTest, TakesTheLogFirst) {
  limits_.capture_bytes = 0x1000;
  Add(AddressKind::kGpa, 0x1000, 0x1000);
  Add(AddressKind::kGpa, 0x9000, 0x1000, MARROW_CLASS_LOG);
  EXPECT_THAT(Plan().pages, ElementsAre(Gpa{0x9000}));
}

TEST_F(PlanTest, LeavesExcludedClassesOut) {
  excluded_.set(MARROW_CLASS_SECRET);
  Add(AddressKind::kGpa, 0x1000, 0x1000, MARROW_CLASS_SECRET);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, IsEmpty());
  EXPECT_THAT(plan.missing, ElementsAre(Field(&MissingPart::why, HasSubstr("excluded"))));
}

TEST_F(PlanTest, KeepsExcludedPagesOutWhoeverAsksForThem) {
  excluded_.set(MARROW_CLASS_SECRET);
  Add(AddressKind::kGpa, 0x1000, 0x3000);
  Add(AddressKind::kGpa, 0x2010, 8, MARROW_CLASS_SECRET);
  Add(AddressKind::kGva, kStackTop - 0x4000, 0x1000, MARROW_CLASS_SECRET);
  Add(AddressKind::kGpa, 0x20000, 8);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, ElementsAre(Gpa{0x1000}, Gpa{0x3000}));
  EXPECT_THAT(plan.missing, SizeIs(4));
}

TEST_F(PlanTest, TranslatesVirtualRegionsAndKeepsTheirTables) {
  Add(AddressKind::kGva, kStackTop - 0x3ff0, 0x1000);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, ElementsAre(Gpa{0x1000}, Gpa{0x2000}, Gpa{0x3000}, Gpa{0x4000},
                                      Gpa{0x20000}, Gpa{0x21000}));
  ASSERT_THAT(plan.aliases, SizeIs(1));
  EXPECT_EQ(Raw(plan.aliases[0].gva), kStackTop - 0x4000);
  EXPECT_EQ(plan.aliases[0].gpa, Gpa{0x20000});
  EXPECT_EQ(plan.aliases[0].bytes, 0x2000u);
}

TEST_F(PlanTest, JoinsUnmappedNeighbours) {
  Add(AddressKind::kGva, kStackTop, 0x5000);
  const CapturePlan plan = Plan();
  ASSERT_THAT(plan.missing, SizeIs(1));
  EXPECT_EQ(plan.missing[0].bytes, 0x5000u);
  EXPECT_THAT(plan.missing[0].why, HasSubstr("not mapped"));
}

TEST_F(PlanTest, RefusesMappingsOfWhatIsNotRam) {
  Map(kStackTop, 0xfee00000);
  Add(AddressKind::kGva, kStackTop, 0x1000);
  EXPECT_THAT(Plan().missing, ElementsAre(Field(&MissingPart::why, HasSubstr("not RAM"))));
}

TEST_F(PlanTest, AddsTheStackEachVcpuStandsOn) {
  vcpus_.resize(2);
  vcpus_[0].registers.rsp = kStackTop - 0x2f00;
  vcpus_[1].registers.rsp = 0x7ffc'0000'1000;  // user space
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, ElementsAre(Gpa{0x1000}, Gpa{0x2000}, Gpa{0x3000}, Gpa{0x4000},
                                      Gpa{0x21000}, Gpa{0x30000}, Gpa{1ull << 32}));
}

TEST_F(PlanTest, TakesAShortStackForWholeAndAnUnmappedOneForMissing) {
  vcpus_.resize(2);
  vcpus_[0].registers.rsp = kStackTop - 0x4000 - 0x1000 + 8;  // one page below a hole of the window
  vcpus_[1].registers.rsp = kStackTop + 0x8000;
  Map(kStackTop - 0x5000, 0x40000);
  SetWord(0x4000 + (((kStackTop - 0x4000) >> 12) & 511) * 8, 0);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, testing::Contains(Gpa{0x40000}));
  EXPECT_THAT(plan.missing, ElementsAre(Field(&MissingPart::what, "kernel stack of vCPU 1")));
}

TEST_F(PlanTest, AliasesTheKernelImage) {
  table_.facts.kernel_map = 0xffff'ffff'8000'0000;
  table_.facts.phys_base = 0x5000;
  table_.facts.kernel_start = 0xffff'ffff'8100'0000;
  table_.facts.kernel_end = 0xffff'ffff'8100'1234;
  const CapturePlan plan = Plan();
  ASSERT_THAT(plan.aliases, SizeIs(1));
  EXPECT_EQ(Raw(plan.aliases[0].gpa), 0x100'5000u);
  EXPECT_EQ(plan.aliases[0].bytes, 0x2000u);
}

TEST_F(PlanTest, IgnoresKernelImagesThatCannotBe) {
  const std::uint64_t cases[][3] = {{0, 0x1000, 0x2000},
                                    {0x1000, 0, 0x2000},
                                    {0x1000, 0x3000, 0x2000},
                                    {0x1000, 0x2000, kMax},
                                    {0x1000, 0x2000, 0x2000}};
  for (const auto& [map, start, end] : cases) {
    table_.facts.kernel_map = map;
    table_.facts.kernel_start = start;
    table_.facts.kernel_end = end;
    EXPECT_THAT(Plan().aliases, IsEmpty());
  }
}

TEST_F(PlanTest, BoundsTheWorkOfAHostileTable) {
  limits_.capture_bytes = 64 * kPageBytes;
  for (int i = 0; i < 4096; ++i) Add(AddressKind::kGva, kStackTop + 0x10'0000, kMax / 4);
  const CapturePlan plan = Plan();
  EXPECT_LE(pages_read_, 5u * 4 * 64);
  EXPECT_LE(plan.missing.size(), limits_.missing);
  EXPECT_GT(plan.missing_not_listed, 0u);
}

TEST_F(PlanTest, NeverExceedsTheCaptureLimitWithItsTables) {
  limits_.capture_bytes = 3 * kPageBytes;
  Add(AddressKind::kGva, kStackTop - 0x4000, 0x4000);
  const CapturePlan plan = Plan();
  EXPECT_LE(plan.pages.size(), 3u);
  EXPECT_THAT(plan.missing, testing::Not(IsEmpty()));
}

TEST_F(PlanTest, SaysThatAGuestWithoutATableHasNone) {
  const CapturePlan plan = PlanCapture({.table = nullptr,
                                        .vcpus = &vcpus_,
                                        .ram = &ram_,
                                        .memory = this,
                                        .excluded = {},
                                        .limits = {}});
  EXPECT_THAT(plan.pages, IsEmpty());
  EXPECT_THAT(plan.missing, ElementsAre(Field(&MissingPart::what, "region table")));
}

TEST_F(PlanTest, CarriesRejectedEntriesOver) {
  table_.rejected.push_back({.id = 9, .name = "bad", .why = "size 0"});
  table_.regions_over_limit = 3;
  EXPECT_THAT(Plan().missing, ElementsAre(Field(&MissingPart::what, "region 9 \"bad\""),
                                          Field(&MissingPart::why, HasSubstr("3 entries"))));
}

TEST(RamMapTest, JoinsAndSorts) {
  const auto map = RamMap::Make({{Gpa{0x2000}, 0x1000}, {Gpa{0}, 0x2000}, {Gpa{0x8000}, 0x1000}});
  ASSERT_TRUE(map.ok());
  EXPECT_THAT(map->ranges(), ElementsAre(GpaRange{Gpa{0}, 0x3000}, GpaRange{Gpa{0x8000}, 0x1000}));
  EXPECT_EQ(map->bytes(), 0x4000u);
}

TEST(RamMapTest, RefusesRangesThatCannotBe) {
  EXPECT_FALSE(RamMap::Make({{Gpa{0}, 0}}).ok());
  EXPECT_FALSE(RamMap::Make({{Gpa{1}, 0x1000}}).ok());
  EXPECT_FALSE(RamMap::Make({{Gpa{0}, 0x1001}}).ok());
  EXPECT_FALSE(RamMap::Make({{Gpa{0xffff'ffff'ffff'f000}, 0x2000}}).ok());
  EXPECT_FALSE(RamMap::Make({{Gpa{0}, 0x2000}, {Gpa{0x1000}, 0x1000}}).ok());
}

TEST(RamMapTest, ContainsWholeRangesOnly) {
  const auto map = RamMap::Make({{Gpa{0x1000}, 0x2000}});
  EXPECT_TRUE(map->Contains(Gpa{0x1000}, 0x2000));
  EXPECT_FALSE(map->Contains(Gpa{0xfff}, 2));
  EXPECT_FALSE(map->Contains(Gpa{0x2fff}, 2));
  EXPECT_FALSE(map->Contains(Gpa{kMax}, 2));
  EXPECT_EQ(map->NextRam(0), 0x1000u);
  EXPECT_EQ(map->NextRam(0x1234), 0x1234u);
  EXPECT_EQ(map->NextRam(0x3000), kMax);
}

}  // namespace
}  // namespace marrow
