// SPDX-License-Identifier: Apache-2.0
// Stacks, and what unwinders look up for the addresses on them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guest/graph/walk.h"
#include "tests/unit/guest/graph/graph_builder.h"

namespace marrow::graph {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr std::uint64_t kTask = 0xffff'8880'0001'0000;
constexpr std::uint64_t kStack = 0xffff'c900'0000'4000;
constexpr std::uint64_t kText = 0xffff'ffff'8100'0000;
constexpr std::uint64_t kTables = 0xffff'ffff'8200'0000;
constexpr std::uint64_t kModule = 0xffff'ffff'c000'0000;

class StackTest : public testing::Test {
 protected:
  StackTest() {
    build_.Type("task", 32);
    build_.Edge(MARROW_EDGE_STACK, 0, 0).link = 8;
    build_.graph.header.stack_bytes = 0x4000;
    build_.Root("tasks", kTask, 0);
    space_.Put(kTask, kStack);
    space_.Put(kTask + 8, kStack + 0x2ff0);
    space_.Fill(kStack, 0x4000);
  }
  // Entries of 6 bytes; 0x1000 keys, one for each 16 bytes of text.
  void AddLookup() {
    marrow_lookup lookup{};
    lookup.text_begin = kText;
    lookup.text_end = kText + 0x10000;
    lookup.index = kTables;
    lookup.index_count = 0x101;
    lookup.block_bytes = 0x100;
    lookup.keys = kTables + 0x10000;
    lookup.entries = kTables + 0x20000;
    lookup.entry_bytes = 6;
    lookup.entry_count = 0x1000;
    build_.graph.lookups.push_back(lookup);
    for (std::uint32_t block = 0; block <= 0x100; ++block) {
      space_.Put(kTables + 4 * block, block * 16);
    }
    space_.Fill(kTables + 0x10000, 0x4000);
    space_.Fill(kTables + 0x20000, 0x6000);
  }
  WalkReport Walk() {
    return graph::Walk({.graph = &build_.graph, .space = &space_, .vcpus = vcpus_});
  }

  GraphBuilder build_;
  FakeSpace space_;
  std::vector<WalkInput::Vcpu> vcpus_;
};

TEST_F(StackTest, KeepsTheUsedPartAndShowsTheRestAsZeros) {
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kTask, kStack + 0x2000, kStack + 0x3000));
  EXPECT_THAT(space_.zeros, ElementsAre(kStack, kStack + 0x1000));
}

TEST_F(StackTest, KeepsAllOfAStackWhoseSavedPointerIsElsewhere) {
  for (const std::uint64_t sp : {std::uint64_t{0}, kStack - 8, kStack + 0x4000}) {
    space_.kept.clear();
    space_.Put(kTask + 8, sp);
    Walk();
    EXPECT_EQ(space_.kept.size(), 5u) << std::hex << sp;
    EXPECT_THAT(space_.zeros, IsEmpty());
  }
}

TEST_F(StackTest, KeepsAllOfAStackThatAVcpuStandsOn) {
  vcpus_.push_back({.ip = 0, .sp = kStack + 0x1010});
  Walk();
  EXPECT_EQ(space_.kept.size(), 5u);
  EXPECT_THAT(space_.zeros, IsEmpty());
}

TEST_F(StackTest, KeepsAllOfEachStackWhenTheRegistersAreLost) {
  const WalkReport report =
      graph::Walk({.graph = &build_.graph, .space = &space_, .registers_lost = true});
  EXPECT_EQ(report.roots[0].pages, 5u);
  EXPECT_THAT(space_.zeros, IsEmpty());
}

TEST_F(StackTest, KeepsLiveStacksToTheirEndOrToAHole) {
  build_.graph.roots.clear();
  constexpr std::uint64_t kEntryStack = 0xffff'fe00'0000'2000;
  space_.Fill(kEntryStack, 0x1000);
  vcpus_ = {{.ip = 0, .sp = kStack + 0x2100}, {.ip = 0, .sp = kEntryStack + 0xf00}};
  const WalkReport report = Walk();
  EXPECT_THAT(space_.kept, UnorderedElementsAre(kStack + 0x2000, kStack + 0x3000, kEntryStack));
  EXPECT_THAT(report.complaints, IsEmpty());
}

// A vCPU on an interrupt stack that ends at a hole.
class InterruptedTest : public StackTest {
 protected:
  InterruptedTest() {
    space_.Fill(kInterrupt, 0x1000);
    vcpus_ = {{.ip = 0, .sp = kInterrupt + 0xf00}};
  }
  static constexpr std::uint64_t kInterrupt = 0xffff'fe00'0000'2000;
};

TEST_F(InterruptedTest, KeepsAllOfTheTasksStackThatItLeft) {
  for (const std::uint64_t at : {0xff8, 0xff0}) {
    space_.kept.clear();
    space_.Fill(kInterrupt, 0x1000);
    space_.Put(kInterrupt + 0xff8, std::uint64_t{0x18});  // SS in an exception's frame
    space_.Put(kInterrupt + at, kStack + 0x1010);
    Walk();
    EXPECT_THAT(space_.kept, UnorderedElementsAre(kTask, kStack, kStack + 0x1000, kStack + 0x2000,
                                                  kStack + 0x3000, kInterrupt));
    EXPECT_THAT(space_.zeros, IsEmpty());
  }
}

TEST_F(InterruptedTest, KeepsTheStackThatItLeftWithoutATask) {
  build_.graph.roots.clear();
  space_.Put(kInterrupt + 0xff8, kStack + 0x2010);
  Walk();
  EXPECT_THAT(space_.kept, UnorderedElementsAre(kStack + 0x2000, kStack + 0x3000, kInterrupt));
}

TEST_F(InterruptedTest, TakesNothingElseForAStackPointer) {
  build_.graph.roots.clear();
  for (const std::uint64_t word :
       {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{0x7ffc'0000'1000}, kStack + 0x2011,
        kInterrupt + 0x100, kStack - 0x8000}) {
    space_.Put(kInterrupt + 0xff8, word);
    EXPECT_THAT(Walk().complaints, IsEmpty());
    EXPECT_THAT(space_.kept, ElementsAre(kInterrupt)) << std::hex << word;
  }
}

TEST_F(InterruptedTest, GoesBackFourStacksAndNoFurther) {
  build_.graph.roots.clear();
  for (std::uint64_t i = 0; i < 6; ++i) {
    space_.Fill(kStack + i * 0x4000, 0x4000);
    space_.Put(kStack + i * 0x4000 + 0x3ff8, kStack + (i + 1) * 0x4000 + 0x3f00);
  }
  vcpus_ = {{.ip = 0, .sp = kStack + 0x3f00}};
  Walk();
  EXPECT_THAT(space_.kept,
              ElementsAre(kStack + 0x3000, kStack + 0x7000, kStack + 0xb000, kStack + 0xf000));
}

TEST_F(InterruptedTest, EndsWhereTwoStacksPointToEachOther) {
  build_.graph.roots.clear();
  space_.Put(kInterrupt + 0xff8, kStack + 0x3f00);
  space_.Put(kStack + 0x3ff8, kInterrupt + 0xf00);
  Walk();
  EXPECT_THAT(space_.kept, ElementsAre(kStack + 0x3000, kInterrupt));
}

TEST_F(StackTest, IgnoresStackPointersOfUserSpace) {
  build_.graph.roots.clear();
  space_.Fill(0x7ffc'0000'0000, 0x4000);
  vcpus_ = {{.ip = 0, .sp = 0x7ffc'0000'1000}};
  Walk();
  EXPECT_THAT(space_.kept, IsEmpty());
}

TEST_F(StackTest, AStackAtTheEndOfTheAddressSpaceIsAComplaint) {
  space_.Put(kTask, std::uint64_t{0} - 0x1000);
  EXPECT_THAT(Walk().complaints, ElementsAre(Field(&Complaint::what, "task+0 -> stack")));
}

TEST_F(StackTest, KeepsWhatALookupReads) {
  AddLookup();
  space_.Put(kStack + 0x3000, kText + 0x8123);  // block 0x81: entries 0x810 to 0x820
  Walk();
  EXPECT_THAT(space_.kept, Contains(kTables));            // index[0x81]
  EXPECT_THAT(space_.kept, Contains(kTables + 0x12000));  // keys: 4 * 0x810
  EXPECT_THAT(space_.kept, Contains(kTables + 0x23000));  // entries: 6 * 0x810
  EXPECT_EQ(space_.kept.size(), 3u + 3u);
}

TEST_F(StackTest, LooksUpTheByteBeforeAReturnAddressToo) {
  AddLookup();
  space_.Put(kStack + 0x3000, kText + 0x4000);  // block 0x40: from entry 0x400; 0x3f: from 0x3f0
  Walk();
  EXPECT_THAT(space_.kept, Contains(kTables + 0x10000));
  EXPECT_THAT(space_.kept, Contains(kTables + 0x11000));
}

TEST_F(StackTest, IgnoresWordsBelowTheSavedStackPointer) {
  AddLookup();
  space_.Put(kStack + 0x2fe8, kText + 0x8123);
  Walk();
  EXPECT_EQ(space_.kept.size(), 3u);
}

TEST_F(StackTest, LooksUpWhereVcpusExecute) {
  AddLookup();
  vcpus_ = {{.ip = kText + 0x123, .sp = 0}};
  Walk();
  EXPECT_THAT(space_.kept, Contains(kTables + 0x10000));
}

TEST_F(StackTest, KeepsCodeAroundTextAddresses) {
  AddLookup();
  build_.graph.header.text_before = 16;
  build_.graph.header.text_after = 4096;
  space_.Fill(kText, 0x10000);
  space_.Put(kStack + 0x3000, kText + 0x8008);
  Walk();
  EXPECT_THAT(space_.kept, Contains(kText + 0x7000));
  EXPECT_THAT(space_.kept, Contains(kText + 0x8000));
  EXPECT_THAT(space_.kept, Contains(kText + 0x9000));
  EXPECT_THAT(space_.kept, Not(Contains(kText + 0xa000)));
}

TEST_F(StackTest, RefusesBlocksThatAreNoRangeOfEntries) {
  AddLookup();
  space_.Put(kTables + 4 * 0x81, 0x900u);  // index[0x82] is 0x820
  space_.Put(kStack + 0x3000, kText + 0x8123);
  EXPECT_THAT(Walk().complaints, ElementsAre(Field(&Complaint::why, HasSubstr("no range"))));
  EXPECT_THAT(space_.kept, Not(Contains(kTables + 0x12000)));
}

TEST_F(StackTest, RefusesBlocksOfTooManyEntries) {
  AddLookup();
  build_.graph.lookups[0].entry_count = 1 << 24;
  space_.Put(kTables + 4 * 0x82, 0x100'0000u);
  space_.Put(kStack + 0x3000, kText + 0x8123);
  EXPECT_THAT(Walk().complaints, ElementsAre(Field(&Complaint::why, HasSubstr("no range"))));
}

// A module found behind the stacks, whose table has 3000 keys for text from kModule on.
class ModuleTest : public StackTest {
 protected:
  ModuleTest() {
    module_ = build_.Type("module", 64);
    marrow_edge& edge = build_.Edge(MARROW_EDGE_LOOKUP, 8, 0);
    edge.link = 16;
    edge.stride = 6;
    edge.elements = 1'000'000;
    edge.elements_offset = 24;
    edge.elements_width = 4;
    build_.Root("modules", kTask + 0x1000, module_).priority = 1;
    space_.Put(kTask + 0x1008, kKeys);
    space_.Put(kTask + 0x1010, kEntries);
    space_.Put(kTask + 0x1018, 3000u);
    for (std::uint32_t i = 0; i < 3000; ++i) {
      const std::uint64_t key = kKeys + 4 * std::uint64_t{i};
      space_.Put(key, static_cast<std::int32_t>(kModule + 16 * std::uint64_t{i} - key));
    }
    space_.Fill(kEntries, 6 * 3000);
  }
  static constexpr std::uint64_t kKeys = kModule + 0x100000;
  static constexpr std::uint64_t kEntries = kModule + 0x200000;
  std::uint32_t module_ = 0;
};

TEST_F(ModuleTest, SearchesTheTablesOfModulesForStacksSeenBefore) {
  space_.Put(kStack + 0x3000, kModule + 16 * 2000 + 5);
  const WalkReport report = Walk();
  EXPECT_THAT(report.complaints, IsEmpty());
  EXPECT_THAT(space_.kept, Contains(kKeys + 0x1000));  // the first key read: 1499
  EXPECT_THAT(space_.kept, Not(Contains(kKeys)));
  EXPECT_THAT(space_.kept, Contains(kEntries + 0x2000));  // entry 2000 at 12000
  EXPECT_EQ(report.roots[0].pages, 3u + 3u) << "of the stack's root";
}

TEST_F(ModuleTest, KeepsNothingForAddressesOutsideOfTheTable) {
  space_.Put(kStack + 0x3000, kModule - 8);
  space_.Put(kStack + 0x3008, kModule + 16 * 3000);
  Walk();
  EXPECT_EQ(space_.kept.size(), 4u);
}

TEST_F(ModuleTest, ComplainsOfKeysThatAreNotSorted) {
  space_.Put(kKeys, 0);
  EXPECT_THAT(Walk().complaints, ElementsAre(Field(&Complaint::why, HasSubstr("not sorted"))));
}

}  // namespace
}  // namespace marrow::graph
