// SPDX-License-Identifier: Apache-2.0
// What registers and live stacks point to.
#include "guest/graph/live.h"

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
using testing::SizeIs;

constexpr std::uint64_t kData = 0xffff'ffff'8200'0000;
constexpr std::uint64_t kDataPages = 16;
constexpr std::uint64_t kStack = 0xffff'c900'0000'4000;
constexpr std::uint64_t kTask = 0xffff'8880'0001'0000;

// A vCPU on a stack of 16 KiB; texts in 16 pages of data.
class LiveTest : public testing::Test {
 protected:
  LiveTest() {
    build_.Type("text", 256);
    build_.graph.types[0].flags = MARROW_TYPE_TEXT;
    build_.graph.header.stack_bytes = 0x4000;
    space_.Fill(kData - 4096, (kDataPages + 2) * 4096);
    space_.Fill(kStack, 0x4000);
    input_.vcpus = {{.ip = 0, .sp = kStack + 0x2100}};
  }
  marrow_root& Live(std::uint64_t address = kData, std::uint32_t pages = kDataPages) {
    marrow_root& root = build_.Root("live", address, 0);
    root.kind = MARROW_ROOT_LIVE;
    root.elements = pages;
    return root;
  }
  static std::uint64_t InPage(std::uint64_t page) { return kData + page * 4096 + 0x123; }
  static std::uint64_t Page(std::uint64_t page) { return kData + page * 4096; }
  // A task with its stack at `stack`.
  void AddTask(std::uint64_t stack, std::uint64_t saved_sp, std::uint16_t priority) {
    const std::uint32_t task = build_.Type("task", 16);
    build_.Edge(MARROW_EDGE_STACK, 0, 0).link = 8;
    build_.Root("task", kTask, task).priority = priority;
    space_.Put(kTask, stack);
    space_.Put(kTask + 8, saved_sp);
  }
  std::set<std::uint64_t> KeptData() const {
    std::set<std::uint64_t> kept;
    for (const std::uint64_t page : space_.kept) {
      if (page >= kData - 4096) kept.insert(page);
    }
    return kept;
  }
  const WalkReport& Walk() {
    input_.graph = &build_.graph;
    input_.space = &space_;
    return report_ = graph::Walk(input_);
  }

  GraphBuilder build_;
  FakeSpace space_;
  WalkInput input_;
  WalkReport report_;
};

TEST_F(LiveTest, FollowsWordsOfLiveStacks) {
  space_.Put(kStack + 0x2100, InPage(3));
  space_.Put(kStack + 0x3ff8, InPage(5));
  Live();
  Walk();
  EXPECT_THAT(KeptData(), ElementsAre(Page(3), Page(5)));
  EXPECT_EQ(report_.roots[0].objects, 2u);
  EXPECT_EQ(report_.roots[0].pages, 2u);
  EXPECT_THAT(report_.complaints, IsEmpty());
}

TEST_F(LiveTest, FollowsEachRegisterOfEachVcpu) {
  input_.vcpus.push_back({});
  for (std::uint64_t i = 0; i < 16; ++i) input_.vcpus[i % 2].registers[i] = InPage(i);
  Live();
  Walk();
  EXPECT_THAT(KeptData(), SizeIs(16));
}

TEST_F(LiveTest, IgnoresWordsBelowTheStackPointerAndUnalignedOnes) {
  space_.Put(kStack + 0x20f8, InPage(3));
  space_.Put(kStack + 0x2204, InPage(4));
  Live();
  Walk();
  EXPECT_THAT(KeptData(), IsEmpty());
}

TEST_F(LiveTest, TakesTheRangeExactly) {
  const struct {
    std::uint64_t address;
    bool in;
  } cases[] = {{kData - 1, false},
               {kData, true},
               {kData + kDataPages * 4096 - 1, true},
               {kData + kDataPages * 4096, false},
               {0, false},
               {~std::uint64_t{0}, false}};
  Live();
  for (const auto& c : cases) {
    input_.vcpus[0].registers[7] = c.address;
    Walk();
    EXPECT_EQ(report_.roots[0].objects, c.in ? 1u : 0u) << std::hex << c.address;
  }
}

TEST_F(LiveTest, VisitsEachObjectOnceHoweverOftenItIsPointedTo) {
  for (std::uint64_t at = 0x2200; at < 0x2300; at += 8) space_.Put(kStack + at, InPage(3));
  Live();
  Live().priority = 1;
  Walk();
  EXPECT_EQ(report_.roots[0].objects, 1u);
  EXPECT_EQ(report_.roots[1].objects, 0u);
}

TEST_F(LiveTest, KeepsTextsToTheirEndAcrossPages) {
  space_.Write(Page(4) - 2, "abc");
  input_.vcpus[0].registers[0] = Page(4) - 2;
  Live();
  Walk();
  EXPECT_THAT(KeptData(), ElementsAre(Page(3), Page(4)));
}

TEST_F(LiveTest, FollowsTheEdgesOfWhatItFinds) {
  const std::uint32_t operations = build_.Type("operations", 16);
  build_.Edge(MARROW_EDGE_POINTER, 8, 0);
  space_.Put(kData + 0x208, InPage(9));
  input_.vcpus[0].registers[0] = kData + 0x200;
  Live().type = operations;
  Walk();
  EXPECT_THAT(KeptData(), ElementsAre(Page(0), Page(9)));
}

TEST_F(LiveTest, SeesStacksThatItsPriorityFinds) {
  // The stack that the task names is not aligned to its size: what lies behind is only known by it.
  constexpr std::uint64_t kOdd = kStack + 0x2000;
  space_.Fill(kOdd, 0x4000);
  space_.Put(kOdd + 0x3000, InPage(7));
  const struct {
    std::uint16_t priority;
    bool found;
  } cases[] = {{0, true}, {3, true}, {4, false}};
  for (const auto& c : cases) {
    space_.kept.clear();
    build_.graph.roots.clear();
    Live().priority = 3;  // in front of the task, but after it in its priority
    AddTask(kOdd, kOdd + 0x3f00, c.priority);
    Walk();
    EXPECT_EQ(space_.kept.contains(Page(7)), c.found) << c.priority;
  }
}

TEST_F(LiveTest, IgnoresStacksThatNoVcpuStandsOn) {
  constexpr std::uint64_t kOther = kStack + 0x10000;
  space_.Fill(kOther, 0x4000);
  space_.Put(kOther + 0x3000, InPage(7));
  Live();
  AddTask(kOther, kOther + 0x2000, 0);
  Walk();
  EXPECT_THAT(space_.kept, Contains(kOther + 0x3000));
  EXPECT_THAT(KeptData(), IsEmpty());
}

TEST_F(LiveTest, FollowsWordsOfTheStackThatAnInterruptLeft) {
  constexpr std::uint64_t kTaskStack = kStack + 0x10000;
  space_.Fill(kTaskStack, 0x4000);
  space_.Put(kStack + 0x3ff8, kTaskStack + 0x2000);
  space_.Put(kTaskStack + 0x1ff8, InPage(6));
  space_.Put(kTaskStack + 0x3000, InPage(7));
  Live();
  Walk();
  EXPECT_THAT(KeptData(), ElementsAre(Page(7)));
}

TEST_F(LiveTest, LooksAtSoManyWordsOfAStackOnly) {
  constexpr std::uint64_t kBytes = 1 << 17;
  constexpr std::uint64_t kLarge = 0xffff'c900'0010'0000;
  build_.graph.header.stack_bytes = kBytes;
  space_.Fill(kLarge, kBytes);
  input_.vcpus[0].sp = kLarge;
  space_.Put(kLarge + 8 * (LiveWords::kMostStackWords - 1), InPage(1));
  space_.Put(kLarge + 8 * LiveWords::kMostStackWords, InPage(2));
  Live();
  Walk();
  EXPECT_THAT(KeptData(), ElementsAre(Page(1)));
}

TEST_F(LiveTest, IgnoresStackPointersOfUserSpaceButNotTheRegisters) {
  space_.Fill(0x7ffc'0000'0000, 0x4000);
  space_.Put(0x7ffc'0000'1000, InPage(1));
  input_.vcpus = {{.ip = 0, .sp = 0x7ffc'0000'1000, .registers = {InPage(2)}}};
  Live();
  Walk();
  EXPECT_THAT(KeptData(), ElementsAre(Page(2)));
}

TEST_F(LiveTest, HoldsTheRootsBudgets) {
  for (std::uint64_t i = 0; i < 10; ++i) space_.Put(kStack + 0x2200 + 8 * i, InPage(i));
  Live().max_objects = 4;
  EXPECT_THAT(Walk().roots[0].truncated, HasSubstr("4 objects"));
  EXPECT_THAT(KeptData(), SizeIs(4));
  build_.graph.roots[0].max_objects = 0;
  build_.graph.roots[0].max_bytes = 3 * 4096;
  space_.kept.clear();
  EXPECT_THAT(Walk().roots[0].truncated, HasSubstr("bytes"));
  EXPECT_THAT(KeptData(), SizeIs(3));
}

TEST_F(LiveTest, ScansNoFurtherThanTheLimitOfSteps) {
  for (std::uint32_t i = 0; i < 4096; ++i) Live();
  input_.limits.objects = 1;
  Walk();
  EXPECT_THAT(report_.roots.back().truncated, HasSubstr("steps"));
}

TEST_F(LiveTest, ComplainsOfWhatIsNotMappedUnlessQuiet) {
  input_.vcpus[0].registers[0] = kData + 0x100000;
  Live(kData + 0x100000, 1);
  EXPECT_THAT(Walk().complaints, ElementsAre(Field(&Complaint::root, "live")));
  build_.graph.types[0].flags |= MARROW_TYPE_QUIET;
  EXPECT_THAT(Walk().complaints, IsEmpty());
}

TEST_F(LiveTest, IsNoTextAddress) {
  marrow_lookup lookup{};
  lookup.text_begin = kData;
  lookup.text_end = kData + 0x1000;
  lookup.index = kStack - 0x1'0000;
  lookup.index_count = 0x11;
  lookup.block_bytes = 0x100;
  lookup.keys = kStack - 0x8000;
  lookup.entries = kStack - 0x4000;
  lookup.entry_bytes = 6;
  lookup.entry_count = 16;
  build_.graph.lookups.push_back(lookup);
  space_.Fill(kStack - 0x1'0000, 0x1'0000);
  input_.vcpus[0].registers[0] = InPage(0);
  Live();
  Walk();
  EXPECT_THAT(space_.kept, Not(Contains(kStack - 0x1'0000)));
}

}  // namespace
}  // namespace marrow::graph
