// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/guest/graph/graph_builder.h"

namespace marrow::graph {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::uint64_t kA = 0xffff'8880'0001'0000;
constexpr std::uint64_t kB = 0xffff'8880'0002'0000;
constexpr std::uint64_t kC = 0xffff'8880'0003'0000;
constexpr std::uint64_t kD = 0xffff'8880'0004'0000;

// Type 0 is "from", whose edges tests add; type 1 is "to", with 16 bytes.
class WalkTest : public testing::Test {
 protected:
  WalkTest() {
    to_ = build_.Type("to", 16);
    from_ = build_.Type("from", 8);
    space_.Fill(kA, 4096);
  }

  marrow_edge& Edge(marrow_edge_kind kind, std::int32_t offset) {
    return build_.Edge(kind, offset, to_);
  }

  const WalkReport& Walk() {
    if (build_.graph.roots.empty()) build_.Root("root", kA, from_);
    input_.graph = &build_.graph;
    input_.space = &space_;
    return report_ = graph::Walk(input_);
  }

  std::uint32_t to_ = 0;
  std::uint32_t from_ = 0;
  GraphBuilder build_;
  FakeSpace space_;
  WalkInput input_;
  WalkReport report_;
};

TEST_F(WalkTest, KeepsEveryPageThatAnObjectTouches) {
  space_.Fill(kA, 3 * 4096);
  build_.graph.types[from_].bytes = 4098;
  build_.Root("root", kA + 4095, from_);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kA + 4096, kA + 8192));
  EXPECT_EQ(report_.roots[0].objects, 1u);
  EXPECT_EQ(report_.roots[0].pages, 3u);
  EXPECT_EQ(report_.roots[0].truncated, "");
}

TEST_F(WalkTest, FollowsButDoesNotKeepObjectsWithoutBytes) {
  build_.graph.types[from_].bytes = 0;
  Edge(MARROW_EDGE_POINTER, 0);
  space_.Put(kA, kB);
  space_.Fill(kB, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kB));
}

TEST_F(WalkTest, FollowsEachPointerOfAField) {
  marrow_edge& edge = Edge(MARROW_EDGE_POINTER, 8);
  edge.count = 3;
  edge.stride = 16;
  space_.Put(kA + 8, kB);
  space_.Put(kA + 16, kD);  // not a word of the field
  space_.Put(kA + 40, kC);  // kA + 24 is 0
  space_.Fill(kB, 16);
  space_.Fill(kC, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB, kC));
  EXPECT_THAT(report_.complaints, IsEmpty());
}

TEST_F(WalkTest, FollowsOnlyWordsWithTheTag) {
  marrow_edge& edge = Edge(MARROW_EDGE_POINTER, 0);
  edge.count = 2;
  edge.tag_mask = 3;
  edge.tag_value = 2;
  edge.clear_mask = 0xff;
  edge.adjust = -8;
  space_.Put(kA, kB + 0x52);
  space_.Put(kA + 8, kC + 0x53);
  space_.Fill(kB - 4096, 8192);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB - 4096, kB));
}

TEST_F(WalkTest, TakesNothingBelow4096ForAPointer) {
  Edge(MARROW_EDGE_POINTER, 0).count = 4;
  build_.graph.edges.back().clear_mask = 3;
  const std::uint64_t words[] = {0x402, 0x406, 4095, 4096 + 2};  // xarray: retry and zero entries
  for (std::uint64_t i = 0; i < 4; ++i) space_.Put(kA + 8 * i, words[i]);
  space_.Fill(0, 8192);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(4096, kA));
  EXPECT_EQ(report_.roots[0].objects, 2u);
}

TEST_F(WalkTest, TakesAnyPerCpuAddressButZero) {
  build_.graph.header.cpu_count = 1;
  build_.graph.header.percpu_offsets = kC;
  space_.Put(kC, kB);
  space_.Fill(kB, 4096);
  Edge(MARROW_EDGE_PERCPU, 0);
  space_.Put(kA, std::uint64_t{8});
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB));
}

TEST_F(WalkTest, LeavesTheUpperHalfOfAWordAloneWhenItClears) {
  Edge(MARROW_EDGE_POINTER, 0).clear_mask = 0xffff'ffff;
  space_.Put(kA, 0xffff'8880'1234'5678);
  space_.Fill(0xffff'8880'0000'0000, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(0xffff'8880'0000'0000, kA));
}

TEST_F(WalkTest, FollowsRowsByTheTargetsStride) {
  build_.graph.types[to_].stride = 4096;
  Edge(MARROW_EDGE_POINTER, 0).elements = 3;
  space_.Put(kA, kB);
  space_.Fill(kB, 4 * 4096);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB, kB + 4096, kB + 8192));
}

TEST_F(WalkTest, TakesTheNumberOfElementsFromTheObject) {
  const struct {
    std::uint32_t width;
    std::uint64_t number;
    std::uint64_t objects;
  } cases[] = {{1, 0xff02, 2},      {2, 3, 3}, {4, 0xffff'ffff, 5}, {8, ~std::uint64_t{0}, 5},
               {8, 0x100000000, 5}, {1, 0, 0}};
  for (const auto& test : cases) {
    GraphBuilder build;
    const auto to = build.Type("to", 16, 32);
    const auto from = build.Type("from", 8);
    marrow_edge& edge = build.Edge(MARROW_EDGE_POINTER, 0, to);
    edge.elements = 5;
    edge.elements_width = test.width;
    edge.elements_offset = 16;
    build.Root("root", kA, from);
    FakeSpace space;
    space.Put(kA, kB);
    space.Put(kA + 16, test.number);
    space.Fill(kB, 4096);
    EXPECT_EQ(graph::Walk({.graph = &build.graph, .space = &space}).roots[0].objects,
              test.objects + 1)
        << test.number;
  }
}

TEST_F(WalkTest, FindsEmbeddedObjectsAndContainers) {
  build_.graph.types[to_].bytes = 1;
  marrow_edge& edge = Edge(MARROW_EDGE_EMBEDDED, -4096);
  edge.count = 3;
  edge.stride = 4096;
  space_.Fill(kA - 4096, 3 * 4096);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA - 4096, kA, kA + 4096));
  EXPECT_EQ(report_.roots[0].objects, 4u);
}

TEST_F(WalkTest, FollowsACircularListToItsHead) {
  marrow_edge& edge = Edge(MARROW_EDGE_LIST, 8);
  edge.adjust = -16;
  space_.Put(kA + 8, kB + 16);
  space_.Put(kB + 16, kC + 16);
  space_.Put(kC + 16, kA + 8);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB, kC));
  EXPECT_THAT(report_.complaints, IsEmpty());
}

TEST_F(WalkTest, FollowsAListThatEndsInZeroOrANullsMarker) {
  for (const std::uint64_t end : {std::uint64_t{0}, std::uint64_t{7}}) {
    space_.kept.clear();
    build_.graph.edges.clear();
    build_.graph.types[from_].edge_count = 0;
    Edge(MARROW_EDGE_LIST, 0).link = 24;
    space_.Put(kA, kB);
    space_.Put(kB + 24, kC);
    space_.Put(kC + 24, end);
    Walk();
    EXPECT_THAT(space_.kept, ElementsAre(kA, kB, kC)) << end;
  }
}

TEST_F(WalkTest, EndsListsThatRunInACircleBesideTheirHead) {
  Edge(MARROW_EDGE_LIST, 0);
  space_.Put(kA, kB);
  space_.Put(kB, kC);
  space_.Put(kC, kD);
  space_.Put(kD, kC);
  Walk();
  EXPECT_EQ(report_.roots[0].objects, 4u);
  EXPECT_THAT(report_.complaints, ElementsAre(Field(&Complaint::why, HasSubstr("circle"))));
}

TEST_F(WalkTest, EndsANodeThatPointsToItself) {
  Edge(MARROW_EDGE_LIST, 0);
  space_.Put(kA, kB);
  space_.Put(kB, kB);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB));
  EXPECT_LT(space_.looks, 10u);
}

TEST_F(WalkTest, EndsListsAtTheirLimit) {
  Edge(MARROW_EDGE_LIST, 0).limit = 2;
  space_.Put(kA, kB);
  space_.Put(kB, kC);
  space_.Put(kC, kD);
  space_.Put(kD, 0ul);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB, kC));
  EXPECT_THAT(report_.complaints, ElementsAre(Field(&Complaint::why, HasSubstr("2 nodes"))));
}

TEST_F(WalkTest, FollowsPerCpuPointersForEachCpu) {
  build_.graph.header.cpu_count = 2;
  build_.graph.header.percpu_offsets = kA + 0x100;
  space_.Put(kA + 0x100, kB);
  space_.Put(kA + 0x108, kC);
  Edge(MARROW_EDGE_PERCPU, 0).adjust = 8;
  space_.Put(kA, 0x2000ul);
  space_.Fill(kB + 0x2008, 16);
  space_.Fill(kC + 0x2008, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB + 0x2000, kC + 0x2000));
}

TEST_F(WalkTest, FollowsPerCpuRoots) {
  build_.graph.header.cpu_count = 2;
  build_.graph.header.percpu_offsets = kA + 0x100;
  space_.Put(kA + 0x100, kB - 0x1000);
  space_.Put(kA + 0x108, kC - 0x1000);
  build_.Root("root", 0x1000, to_).kind = MARROW_ROOT_PERCPU;
  space_.Fill(kB, 16);
  space_.Fill(kC, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kB, kC));
}

TEST_F(WalkTest, KeepsTextToItsFirstZeroByte) {
  build_.graph.types[from_].bytes = 3 * 4096;
  build_.graph.types[from_].flags = MARROW_TYPE_TEXT;
  space_.Write(kA, std::string(4096, 'x') + std::string(4, 'y') + '\0');
  space_.Fill(kA + 8192, 4096);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kA + 4096));
}

TEST_F(WalkTest, ShowsTypesOfZerosAsZeros) {
  build_.graph.types[from_].flags = MARROW_TYPE_ZEROS;
  build_.graph.types[from_].bytes = 4097;
  Walk();
  EXPECT_THAT(space_.kept, IsEmpty());
  EXPECT_THAT(space_.zeros, ElementsAre(kA, kA + 4096));
}

TEST_F(WalkTest, VisitsAnObjectOnceForEachType) {
  const std::uint32_t other = build_.Type("other", 8);
  build_.Root("a", kA, from_);
  build_.Root("b", kA, from_);
  build_.Root("c", kA, other);
  Walk();
  EXPECT_EQ(report_.roots[0].objects, 1u);
  EXPECT_EQ(report_.roots[1].objects, 0u);
  EXPECT_EQ(report_.roots[2].objects, 1u);
}

TEST_F(WalkTest, NamesWhatItCouldNotKeepAndGoesOn) {
  Edge(MARROW_EDGE_POINTER, 0);
  Edge(MARROW_EDGE_POINTER, 8);
  space_.Put(kA, kB);  // not mapped
  space_.Put(kA + 8, kC);
  space_.Fill(kC, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kC));
  ASSERT_THAT(report_.complaints, SizeIs(1));
  EXPECT_EQ(report_.complaints[0].root, "root");
  EXPECT_EQ(report_.complaints[0].what, "from+0 -> to");
  EXPECT_EQ(report_.complaints[0].address, kB);
  EXPECT_EQ(report_.complaints[0].why, "not mapped");
}

TEST_F(WalkTest, FollowsTheEdgesOfAnObjectWhosePagesAreMissingInPart) {
  build_.graph.types[from_].bytes = 8192;
  Edge(MARROW_EDGE_POINTER, 4096);
  Edge(MARROW_EDGE_POINTER, 0);
  space_.Put(kA, kB);
  space_.Fill(kB, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB));
  EXPECT_THAT(report_.complaints, SizeIs(2));
}

TEST_F(WalkTest, SaysNothingOfWhatAQuietObjectLacks) {
  build_.graph.types[from_].bytes = 8192;
  build_.graph.types[from_].flags = MARROW_TYPE_QUIET;
  Edge(MARROW_EDGE_POINTER, 4096);
  Edge(MARROW_EDGE_LIST, 4104);
  Edge(MARROW_EDGE_POINTER, 0);
  space_.Put(kA, kB);
  space_.Fill(kB, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB));
  EXPECT_THAT(report_.complaints, IsEmpty());
}

TEST_F(WalkTest, ComplainsOfWhatAQuietObjectLeadsTo) {
  build_.graph.types[from_].flags = MARROW_TYPE_QUIET;
  Edge(MARROW_EDGE_POINTER, 0);
  space_.Put(kA, kB);
  Walk();
  EXPECT_THAT(report_.complaints, ElementsAre(Field(&Complaint::address, kB)));
}

TEST_F(WalkTest, SaysNothingOfWhatARowOfQuietObjectsLacks) {
  build_.graph.types[to_].flags = MARROW_TYPE_QUIET;
  Edge(MARROW_EDGE_POINTER, 0).elements = 512;
  space_.Put(kA, kB);
  space_.Fill(kB, 4096);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA, kB));
  EXPECT_THAT(report_.complaints, IsEmpty());
}

TEST_F(WalkTest, KeepsTheLongerOfTwoRowsAtOneAddress) {
  for (const bool longer_first : {false, true}) {
    space_.kept.clear();
    build_.graph.roots.clear();
    for (const bool longer : {longer_first, !longer_first}) {
      build_.Root(longer ? "longer" : "shorter", kB, to_).elements = longer ? 512 : 2;
    }
    space_.Fill(kB, 2 * 4096);
    Walk();
    EXPECT_THAT(space_.kept, ElementsAre(kB, kB + 4096));
    EXPECT_EQ(report_.roots[0].objects, 1u);
    EXPECT_EQ(report_.roots[1].objects, 0u);
    EXPECT_EQ(report_.roots[longer_first ? 0 : 1].pages, longer_first ? 2u : 1u);
  }
}

TEST_F(WalkTest, KeepsNoPartOfAnExcludedRow) {
  build_.graph.types[to_].region_class = MARROW_CLASS_SECRET;
  input_.excluded_classes = 1u << MARROW_CLASS_SECRET;
  build_.Root("row", kB, to_).elements = 512;
  space_.Fill(kB, 2 * 4096);
  Walk();
  EXPECT_THAT(space_.kept, IsEmpty());
}

TEST_F(WalkTest, CountsComplaintsThatItDoesNotTell) {
  input_.limits.complaints = 3;
  marrow_edge& edge = Edge(MARROW_EDGE_POINTER, 0);
  edge.count = 10;
  for (std::uint64_t i = 0; i < 10; ++i) space_.Put(kA + 8 * i, kB + 4096 * i);
  Walk();
  EXPECT_THAT(report_.complaints, SizeIs(3));
  EXPECT_EQ(report_.complaints_not_told, 7u);
}

TEST_F(WalkTest, NeitherKeepsNorFollowsExcludedClasses) {
  build_.graph.types[to_].region_class = MARROW_CLASS_SECRET;
  input_.excluded_classes = 1u << MARROW_CLASS_SECRET;
  Edge(MARROW_EDGE_POINTER, 0).count = 2;
  space_.Put(kA, kB);
  space_.Put(kA + 8, kC);
  space_.Fill(kB, 16);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kA));
  EXPECT_THAT(report_.complaints, ElementsAre(Field(&Complaint::why, HasSubstr("excluded"))));
}

}  // namespace
}  // namespace marrow::graph
