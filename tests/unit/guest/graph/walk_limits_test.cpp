// SPDX-License-Identifier: Apache-2.0
// Budgets, order, and graphs and memory that mean harm.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guest/graph/visited.h"
#include "guest/graph/walk.h"
#include "tests/unit/guest/graph/graph_builder.h"

namespace marrow::graph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::uint64_t kA = 0xffff'8880'0001'0000;
constexpr std::uint64_t kRow = 0xffff'8880'1000'0000;

// Type 0, "page": objects of 4000 bytes, one a page, in a row from kRow on.
class WalkLimitsTest : public testing::Test {
 protected:
  WalkLimitsTest() {
    build_.Type("page", 4000, 4096);
    space_.Fill(kRow, 64 * 4096);
  }
  marrow_root& Row(const char* name, std::uint64_t first, std::uint32_t elements) {
    marrow_root& root = build_.Root(name, kRow + first * 4096, 0);
    root.elements = elements;
    return root;
  }
  WalkReport Walk() {
    input_.graph = &build_.graph;
    input_.space = &space_;
    return graph::Walk(input_);
  }

  GraphBuilder build_;
  FakeSpace space_;
  WalkInput input_;
};

TEST_F(WalkLimitsTest, HoldsARootsObjectsExactly) {
  for (const std::uint32_t most : {1u, 9u, 10u, 11u}) {
    space_.kept.clear();
    build_.graph.roots.clear();
    Row("row", 0, 10).max_objects = most;
    const WalkReport report = Walk();
    EXPECT_EQ(report.roots[0].objects, std::min(most, 10u));
    EXPECT_EQ(report.roots[0].truncated.empty(), most >= 10) << report.roots[0].truncated;
  }
}

TEST_F(WalkLimitsTest, HoldsARootsBytesExactly) {
  for (const std::uint64_t most : {1ull, 4096ull, 4096ull * 10 - 1, 4096ull * 10}) {
    space_.kept.clear();
    build_.graph.roots.clear();
    Row("row", 0, 10).max_bytes = most;
    const WalkReport report = Walk();
    EXPECT_EQ(space_.kept.size(), most / 4096);
    EXPECT_EQ(report.roots[0].pages, most / 4096);
    EXPECT_EQ(report.roots[0].truncated.empty(), most >= 40960) << most;
  }
}

TEST_F(WalkLimitsTest, UsesItsOwnLimitsForRootsThatSetNone) {
  input_.limits.root_objects = 3;
  Row("a", 0, 10);
  const WalkReport report = Walk();
  EXPECT_EQ(report.roots[0].pages, 3u);
  EXPECT_THAT(report.roots[0].truncated, HasSubstr("3 objects"));
}

TEST_F(WalkLimitsTest, ARowOfPlainBytesIsOneObject) {
  build_.graph.types[0].bytes = 4096;
  input_.limits.root_objects = 1;
  Row("row", 0, 10);
  const WalkReport report = Walk();
  EXPECT_EQ(report.roots[0].objects, 1u);
  EXPECT_EQ(report.roots[0].pages, 10u);
}

TEST_F(WalkLimitsTest, RowsSeenAgainAreStepsAsWell) {
  build_.graph.types[0].bytes = 4096;
  input_.limits.objects = 1;
  for (std::uint32_t i = 0; i < 4096; ++i) Row("row", 0, 64);
  const WalkReport report = Walk();
  EXPECT_EQ(report.roots[0].truncated, "");
  EXPECT_THAT(report.roots.back().truncated, HasSubstr("steps"));
}

TEST_F(WalkLimitsTest, HoldsTheObjectsOfAllRoots) {
  input_.limits.objects = 15;
  Row("a", 0, 10);
  Row("b", 10, 10);
  const WalkReport report = Walk();
  EXPECT_EQ(report.roots[0].objects, 10u);
  EXPECT_EQ(report.roots[1].objects, 5u);
  EXPECT_EQ(report.roots[0].truncated, "");
  EXPECT_THAT(report.roots[1].truncated, HasSubstr("for all roots"));
}

TEST_F(WalkLimitsTest, ARootThatIsFullLeavesTheOthersTheirs) {
  Row("a", 0, 10).max_bytes = 4096;
  Row("b", 20, 10);
  const WalkReport report = Walk();
  EXPECT_EQ(report.roots[0].pages, 1u);
  EXPECT_EQ(report.roots[1].pages, 10u);
  EXPECT_EQ(report.roots[1].truncated, "");
}

TEST_F(WalkLimitsTest, EndsAllRootsWhenTheSpaceIsFull) {
  space_.room = 12;
  Row("a", 0, 10);
  Row("b", 10, 10);
  Row("c", 30, 10).priority = 1;
  const WalkReport report = Walk();
  EXPECT_THAT(space_.kept, SizeIs(12));
  EXPECT_EQ(report.roots[0].truncated, "");
  EXPECT_THAT(report.roots[1].truncated, HasSubstr("bytes"));
  EXPECT_THAT(report.roots[2].truncated, HasSubstr("bytes"));
}

TEST_F(WalkLimitsTest, FollowsLowerPrioritiesFirst) {
  space_.room = 10;
  Row("later", 0, 10).priority = 7;
  Row("first", 20, 10).priority = 0;
  const WalkReport report = Walk();
  EXPECT_EQ(*space_.kept.begin(), kRow + 20 * 4096);
  EXPECT_EQ(report.roots[1].truncated, "");
  EXPECT_EQ(report.roots[0].pages, 0u);
  EXPECT_THAT(report.roots[0].truncated, Not(IsEmpty()));
}

TEST_F(WalkLimitsTest, WalksBreadthFirstWithinAPriority) {
  // Two chains; with room for four pages both give two.
  build_.graph.types[0].bytes = 8;
  build_.Edge(MARROW_EDGE_POINTER, 0, 0);
  for (std::uint64_t i = 0; i + 2 < 20; ++i) {
    space_.Put(kRow + i * 4096, kRow + (i + 2) * 4096);
  }
  Row("even", 0, 1);
  Row("odd", 1, 1);
  space_.room = 4;
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kRow, kRow + 4096, kRow + 8192, kRow + 12288));
}

TEST_F(WalkLimitsTest, EndsWhenTimeIsUp) {
  int asked = 0;
  input_.out_of_time = [&asked] { return ++asked == 2; };
  space_.Fill(kA, 4096);
  build_.Type("words", 8);
  marrow_edge& edge = build_.Edge(MARROW_EDGE_POINTER, 0, 0);
  edge.count = 1 << 20;
  edge.stride = 1;  // the same page over and over, and then what is not mapped
  build_.Root("words", kA, 1);
  const WalkReport report = Walk();
  EXPECT_EQ(asked, 2);
  EXPECT_THAT(report.roots[0].truncated, HasSubstr("time limit"));
}

TEST_F(WalkLimitsTest, CostsNoMoreStepsThanItsObjectsAllow) {
  input_.limits.objects = 10;
  input_.limits.root_objects = 10;
  build_.Type("words", 0);
  for (int i = 0; i < 100; ++i) {
    marrow_edge& edge = build_.Edge(MARROW_EDGE_POINTER, 0, 0);
    edge.count = 1 << 24;
    edge.stride = 4096;
  }
  Row("all", 0, 1);
  build_.graph.roots[0].type = 1;
  const WalkReport report = Walk();
  EXPECT_THAT(report.roots[0].truncated, HasSubstr("steps"));
  EXPECT_LT(space_.looks, 100'000u);
}

// Modules with one sorted key and entry each, all in the page at kA.
class ModulesTest : public WalkLimitsTest {
 protected:
  ModulesTest() {
    build_.Type("module", 0, 16);
    build_.Edge(MARROW_EDGE_LOOKUP, 0, 0).link = 8;
    build_.graph.edges.back().stride = 6;
    space_.Fill(kA, 4096);
    for (std::uint64_t i = 0; i < 16 * 256; ++i) space_.Put(kRow + i * 16, kA);
    for (std::uint64_t i = 0; i < 16 * 256; ++i) space_.Put(kRow + i * 16 + 8, kA + 64);
  }
  marrow_root& Modules(std::uint32_t first, std::uint32_t count) {
    marrow_root& root = build_.Root("modules", kRow + first * 16, 1);
    root.elements = count;
    return root;
  }
};

TEST_F(ModulesTest, TakesSoManyLookupTablesAndSaysOnceThatThereAreMore) {
  space_.Fill(kRow + 4096 * 16, 32);
  for (std::uint64_t i = 4096; i < 4098; ++i) {
    space_.Put(kRow + i * 16, kA);
    space_.Put(kRow + i * 16 + 8, kA + 64);
  }
  Modules(0, 4096);
  EXPECT_THAT(Walk().complaints, IsEmpty());
  Modules(4096, 2);
  const WalkReport report = Walk();
  ASSERT_THAT(report.complaints, SizeIs(1));
  EXPECT_THAT(report.complaints[0].why, HasSubstr("more than 4096 lookup tables"));
}

TEST_F(ModulesTest, SortingTheirTablesAgainAndAgainTakesSteps) {
  input_.limits.objects = 4096;
  input_.vcpus.resize(1);
  for (std::uint32_t i = 0; i < 256; ++i) {
    Modules(i == 0 ? 0 : 3000 + i, i == 0 ? 3000 : 1).priority = static_cast<std::uint16_t>(i);
  }
  EXPECT_THAT(Walk().roots.back().truncated, HasSubstr("steps"));
}

TEST_F(WalkLimitsTest, StacksAtTheEndOfTheAddressSpaceEndThere) {
  const std::uint64_t last_page = ~std::uint64_t{4095};
  input_.vcpus = {{.ip = 0, .sp = last_page + 4095 - 3}, {.ip = 0, .sp = last_page + 16}};
  build_.Type("task", 16);
  build_.Edge(MARROW_EDGE_STACK, 0, 0).link = 8;
  build_.graph.header.stack_bytes = 0x4000;
  marrow_lookup lookup{};
  lookup.text_end = 1;
  build_.graph.lookups.push_back(lookup);
  space_.Put(kA, last_page - 0x4000 + 0x10);
  space_.Put(kA + 8, std::uint64_t{0});
  build_.Root("task", kA, 1);
  build_.Root("live", kRow, 0).kind = MARROW_ROOT_LIVE;
  const WalkReport report = Walk();
  EXPECT_EQ(report.roots[0].truncated, "");
  EXPECT_EQ(report.roots[1].truncated, "");
  EXPECT_LT(space_.looks, 100u);
  ASSERT_THAT(report.complaints, SizeIs(1));
  EXPECT_EQ(report.complaints[0].why, "it passes the end of the address space");
}

TEST_F(WalkLimitsTest, BoundsElementsInARow) {
  input_.limits.elements = 100;
  build_.graph.types[0].bytes = 8;
  build_.Edge(MARROW_EDGE_POINTER, 0, 0).elements = 1 << 24;
  space_.Put(kRow, kRow + 4096);
  Row("row", 0, 1);
  const WalkReport report = Walk();
  EXPECT_EQ(report.roots[0].objects, 101u);
  EXPECT_EQ(report.complaints[0].why, "over the limit of elements in a row");
}

TEST_F(WalkLimitsTest, AddressesWrapWithoutHarm) {
  const std::uint64_t last = ~std::uint64_t{0};
  build_.Type("wraps", 1 << 20);
  build_.Edge(MARROW_EDGE_POINTER, 8, 1).adjust = 0x7fff'ffff;
  build_.Edge(MARROW_EDGE_EMBEDDED, -0x7fff'ffff, 1).count = 1000;
  build_.Edge(MARROW_EDGE_LIST, 0, 1).link = -8;
  space_.Fill(last - 4095, 4096);
  space_.Put(last - 15, last - 0x10);
  space_.Put(last - 7, last);
  build_.Root("top", last - 15, 1);
  input_.limits.root_objects = 1000;
  const WalkReport report = Walk();
  EXPECT_LE(report.roots[0].objects, 1000u);
  EXPECT_THAT(report.complaints, Not(IsEmpty()));
}

TEST_F(WalkLimitsTest, AnObjectThatPassesTheEndOfTheAddressSpaceIsNotKept) {
  build_.graph.types[0].bytes = 1;
  build_.Edge(MARROW_EDGE_POINTER, 0, 1);
  build_.Type("long", 64);
  space_.Put(kRow, ~std::uint64_t{0} - 8);
  Row("row", 0, 1);
  const WalkReport report = Walk();
  EXPECT_EQ(report.complaints[0].why, "it passes the end of the address space");
}

TEST(VisitedSet, KnowsPairsApart) {
  VisitedSet set;
  std::uint64_t probes = 0;
  for (std::uint64_t i = 0; i < 5000; ++i) {
    EXPECT_TRUE(set.Insert(i * 64, static_cast<std::uint32_t>(i % 3), probes));
  }
  EXPECT_EQ(set.size(), 5000u);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    EXPECT_FALSE(set.Insert(i * 64, static_cast<std::uint32_t>(i % 3), probes));
    EXPECT_FALSE(set.Contains(i * 64, static_cast<std::uint32_t>(i % 3 + 1), probes));
  }
}

TEST(VisitedSet, CountsWhatCollidingAddressesCost) {
  // Multiples of the inverse of the hash's factor hash to small numbers: all in the first slot.
  std::uint64_t inverse = 1;
  for (int i = 0; i < 6; ++i) inverse *= 2 - 0x9e3779b97f4a7c15 * inverse;
  VisitedSet set;
  std::uint64_t probes = 0;
  for (std::uint64_t i = 1; i <= 2000; ++i) set.Insert(i * inverse, 0, probes);
  EXPECT_GT(probes, 1'000'000u);
}

}  // namespace
}  // namespace marrow::graph
