// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/table_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace marrow::profile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

RegionSpec At(std::uint64_t gpa, std::uint64_t bytes, const char* name,
              marrow_region_class region_class = MARROW_CLASS_KERNEL_DATA) {
  return {MARROW_ADDRESS_GPA, gpa, bytes, region_class, name};
}

TEST(FitTable, LeavesAloneWhatFits) {
  const std::vector<RegionSpec> regions = {At(0x1008, 8, "b"), At(0x1000, 8, "a")};
  const FittedTable table = FitTable(regions, 2);
  EXPECT_EQ(table.regions, regions);
  EXPECT_THAT(table.dropped, IsEmpty());
}

TEST(FitTable, JoinsOnlyAsManyAsNeeded) {
  const FittedTable table =
      FitTable({At(0x1100, 8, "b"), At(0x1000, 8, "a"), At(0x1200, 8, "c")}, 2);
  EXPECT_THAT(table.regions, ElementsAre(At(0x1000, 0x108, "a+"), At(0x1200, 8, "c")));
}

TEST(FitTable, JoinsAcrossAdjacentPagesButAddsNone) {
  const FittedTable touching = FitTable({At(0x1000, 8, "a"), At(0x2ff8, 8, "b")}, 1);
  EXPECT_THAT(touching.regions, ElementsAre(At(0x1000, 0x2000, "a+")));
  const FittedTable apart = FitTable({At(0x1000, 8, "a"), At(0x3000, 8, "b")}, 1);
  EXPECT_THAT(apart.regions, ElementsAre(At(0x1000, 8, "a")));
  EXPECT_THAT(apart.dropped, ElementsAre(At(0x3000, 8, "b")));
}

TEST(FitTable, KeepsTheLargerEndOfNestedRegions) {
  const FittedTable table = FitTable({At(0x1000, 0x800, "a"), At(0x1010, 8, "b")}, 1);
  EXPECT_THAT(table.regions, ElementsAre(At(0x1000, 0x800, "a+")));
}

TEST(FitTable, NeverMixesClassesOrKinds) {
  RegionSpec by_gva = At(0x1020, 8, "c");
  by_gva.kind = MARROW_ADDRESS_GVA;
  const FittedTable table =
      FitTable({At(0x1000, 8, "a"), At(0x1010, 8, "b", MARROW_CLASS_LOG), by_gva}, 1);
  EXPECT_THAT(table.regions, ElementsAre(At(0x1000, 8, "a")));
  EXPECT_EQ(table.dropped.size(), 2u);
}

TEST(FitTable, DropsFromTheEndOfTheList) {
  const FittedTable table =
      FitTable({At(0x9000, 8, "first"), At(0x1000, 8, "last"), At(0x5000, 8, "lost")}, 2);
  EXPECT_THAT(table.regions, ElementsAre(At(0x9000, 8, "first"), At(0x1000, 8, "last")));
  EXPECT_THAT(table.dropped, ElementsAre(At(0x5000, 8, "lost")));
}

TEST(SizeOfTable, CountsSharedPagesOnce) {
  const TableSize size = SizeOfTable({At(0x1ff8, 16, "over two"), At(0x1000, 8, "first"),
                                      At(0x2000, 4096, "second"), At(0x8000, 1, "alone")});
  EXPECT_EQ(size.bytes, 16u + 8 + 4096 + 1);
  EXPECT_EQ(size.pages, 3u);
}

TEST(SizeOfTable, OfNothingIsNothing) {
  EXPECT_EQ(SizeOfTable({}).pages, 0u);
  EXPECT_EQ(SizeOfTable({}).bytes, 0u);
}

TEST(SizeOfTable, KeepsGpaAndGvaApart) {
  RegionSpec by_gva = At(0x1000, 8, "gva");
  by_gva.kind = MARROW_ADDRESS_GVA;
  EXPECT_EQ(SizeOfTable({At(0x1000, 8, "gpa"), by_gva}).pages, 2u);
}

}  // namespace
}  // namespace marrow::profile
