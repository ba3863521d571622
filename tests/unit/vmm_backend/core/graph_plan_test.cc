// SPDX-License-Identifier: Apache-2.0
// A graph in a plan: through page tables, under the budget of a capture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_address_space.h"
#include "tests/unit/guest/graph/graph_builder.h"
#include "vmm_backend/core/plan.h"

namespace marrow {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::uint64_t kDirectMap = 0xffff'8880'0000'0000;
constexpr std::uint64_t kTasks = 0xffff'c900'0010'0000;
constexpr std::uint64_t kStack = 0xffff'c900'0000'4000;

// A list of tasks in vmalloc space, one a page, each 0x100 bytes into its page with its list node
// at 0x10, the word of its stack at 0x20 and the saved stack pointer at 0x28.
class GraphPlanTest : public testing::Test {
 protected:
  explicit GraphPlanTest(int levels = 4) : memory_(8 << 20, levels), ram_(memory_.ram()) {
    table_.facts.page_table_root = Raw(memory_.root().table);
    table_.facts.page_table_levels = static_cast<std::uint8_t>(levels);
    build_.Type("task", 0x40);
    marrow_edge& next = build_.Edge(MARROW_EDGE_LIST, 0x10, 0);
    next.adjust = -0x10;
    build_.Edge(MARROW_EDGE_STACK, 0x20, 0).link = 0x28;
    build_.graph.header.stack_bytes = 0x4000;
    build_.Root("tasks", Task(0), 0);
  }
  static std::uint64_t Task(std::uint64_t i) { return kTasks + i * kPageBytes + 0x100; }

  void AddTasks(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      memory_.WriteWord(Task(i) + 0x10, Task((i + 1) % count) + 0x10);
    }
  }
  CapturePlan Plan() {
    const auto graph = graph::ParseGraph(AsBytes(build_.Encode()));
    if (graph.ok()) table_.graph = *graph;
    return PlanCapture({.table = &table_,
                        .vcpus = &vcpus_,
                        .ram = &ram_,
                        .memory = &memory_,
                        .excluded = excluded_,
                        .limits = limits_,
                        .clock = clock_});
  }
  Gpa PageOfTask(std::uint64_t i) { return PageOf(Gpa{memory_.GpaOf(Task(i))}); }

  FakeAddressSpace memory_;
  RamMap ram_;
  RegionTable table_;
  graph::GraphBuilder build_;
  std::vector<VcpuState> vcpus_ = std::vector<VcpuState>(1);
  ClassSet excluded_;
  CaptureLimits limits_;
  std::function<absl::Duration()> clock_;
};

TEST_F(GraphPlanTest, PlansObjectsAndTheTablesThatLeadToThem) {
  AddTasks(3);
  const CapturePlan plan = Plan();
  for (std::uint64_t i = 0; i < 3; ++i) EXPECT_THAT(plan.pages, Contains(PageOfTask(i)));
  EXPECT_THAT(plan.pages, Contains(memory_.root().table));
  EXPECT_THAT(plan.pages, SizeIs(3 + 4));
  ASSERT_THAT(plan.graph_roots, SizeIs(1));
  EXPECT_EQ(plan.graph_roots[0].name, "tasks");
  EXPECT_EQ(plan.graph_roots[0].objects, 3u);
  EXPECT_EQ(plan.graph_roots[0].pages, 3u);
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST_F(GraphPlanTest, FollowsWhatEachGeneralRegisterPointsTo) {
  AddTasks(1);
  constexpr std::uint64_t kTexts = kTasks + 64 * kPageBytes;
  const std::uint32_t text = build_.Type("text", 16);
  marrow_root& live = build_.Root("live", kTexts, text);
  live.kind = MARROW_ROOT_LIVE;
  live.elements = 16;
  vcpus_.emplace_back();
  X86Registers& r = vcpus_[0].registers;
  std::uint64_t page = kTexts;
  for (std::uint64_t* value : {&r.rax, &r.rbx, &r.rcx, &r.rdx, &r.rsi, &r.rdi, &r.rbp, &r.r8, &r.r9,
                               &r.r10, &r.r11, &r.r12, &r.r13, &r.r14, &r.r15}) {
    memory_.WriteWord(page, 1);
    *value = page;
    page += kPageBytes;
  }
  const CapturePlan plan = Plan();
  EXPECT_EQ(plan.graph_roots[1].objects, 15u);
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST_F(GraphPlanTest, JoinsTheAliasesOfNeighbours) {
  memory_.MapNew(kTasks + 8 * kPageBytes, kPageBytes);  // the tables
  memory_.MapNew(kTasks, 8 * kPageBytes);
  AddTasks(8);
  const CapturePlan plan = Plan();
  ASSERT_THAT(plan.aliases, SizeIs(1));
  EXPECT_EQ(plan.aliases[0].gva, Gva{kTasks});
  EXPECT_EQ(plan.aliases[0].bytes, 8 * kPageBytes);
}

class FiveLevelTest : public GraphPlanTest {
 protected:
  FiveLevelTest() : GraphPlanTest(5) {}
};

TEST_F(FiveLevelTest, TakesRootAndLevelsOfAVcpuWhereTheTableNamesNone) {
  table_.facts.page_table_root = 0;
  table_.facts.page_table_levels = 0;
  memory_.MapNew(kStack, 0x4000);
  vcpus_[0].registers.rsp = kStack + 0x3100;
  vcpus_[0].cr3 = Raw(memory_.root().table);
  vcpus_[0].page_table_levels = 5;
  EXPECT_THAT(Plan().pages, Contains(Gpa{memory_.GpaOf(kStack + 0x3000)}));
}

TEST_F(FiveLevelTest, WalksFiveLevels) {
  AddTasks(3);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, SizeIs(3 + 5));
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST_F(GraphPlanTest, WalksLargePages) {
  memory_.Map(kDirectMap, 0, 1 << 30);
  constexpr std::uint64_t kObject = 0x40'0000;
  memory_.Map(0xffff'ffff'8000'0000, 4 << 20, 2 << 20);
  memory_.WriteWord(kDirectMap + kObject + 0x10, 0xffff'ffff'8000'1010);
  memory_.WriteWord(0xffff'ffff'8000'1010, 0);
  build_.graph.roots[0].address = kDirectMap + kObject;
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, Contains(Gpa{kObject}));
  EXPECT_THAT(plan.pages, Contains(Gpa{kObject + 0x1000}));
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST_F(GraphPlanTest, ShowsTheUnusedPartOfAStackAsZeros) {
  AddTasks(1);
  memory_.MapNew(kStack, 0x4000);
  memory_.WriteWord(Task(0) + 0x20, kStack);
  memory_.WriteWord(Task(0) + 0x28, kStack + 0x2100);
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.zero_pages,
              ElementsAre(Gpa{memory_.GpaOf(kStack)}, Gpa{memory_.GpaOf(kStack + 0x1000)}));
  EXPECT_THAT(plan.pages, Contains(Gpa{memory_.GpaOf(kStack + 0x2000)}));
  EXPECT_THAT(plan.aliases, Contains(AllOf(Field(&VirtualAlias::gva, Gva{kStack}),
                                           Field(&VirtualAlias::bytes, 0x4000u))));
}

TEST_F(GraphPlanTest, TakesWholeStacksWhenTheRegistersAreLost) {
  AddTasks(1);
  memory_.MapNew(kStack, 0x4000);
  memory_.WriteWord(Task(0) + 0x20, kStack);
  memory_.WriteWord(Task(0) + 0x28, kStack + 0x2100);
  vcpus_.clear();
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.zero_pages, IsEmpty());
  EXPECT_THAT(plan.pages, Contains(Gpa{memory_.GpaOf(kStack)}));
}

TEST_F(GraphPlanTest, CapturesAPageThatIsNeededAndUnused) {
  AddTasks(1);
  memory_.MapNew(kStack, 0x4000);
  memory_.WriteWord(Task(0) + 0x20, kStack);
  memory_.WriteWord(Task(0) + 0x28, kStack + 0x2100);
  build_.Root("in the stack", kStack, build_.Type("bytes", 8)).priority = 1;
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.zero_pages, ElementsAre(Gpa{memory_.GpaOf(kStack + 0x1000)}));
  EXPECT_THAT(plan.pages, Contains(Gpa{memory_.GpaOf(kStack)}));
}

TEST_F(GraphPlanTest, ReadsEachPageOfTheGuestAsOftenAsItLooksAtIt) {
  AddTasks(1);
  for (int i = 0; i < 50; ++i) {
    build_.Edge(MARROW_EDGE_POINTER, 0x30, 0);
    build_.graph.types[0].edge_count = 3 + static_cast<std::uint32_t>(i);
  }
  const std::uint64_t before = memory_.reads();
  Plan();
  EXPECT_LE(memory_.reads() - before, 2u * 5u) << "two walks of four tables, and the page";
}

TEST_F(GraphPlanTest, HoldsTheBudgetOfACaptureExactly) {
  AddTasks(100);
  for (std::uint64_t pages = 0; pages < 20; ++pages) {
    limits_.capture_bytes = pages * kPageBytes;
    const CapturePlan plan = Plan();
    EXPECT_EQ(plan.pages.size(), pages);
    EXPECT_THAT(plan.missing,
                Contains(AllOf(Field(&MissingPart::what, "root \"tasks\""),
                               Field(&MissingPart::why, HasSubstr("not followed to its end")))));
  }
}

TEST_F(GraphPlanTest, CountsTheTablesThatDoNotFit) {
  AddTasks(1);
  limits_.capture_bytes = 2 * kPageBytes;
  EXPECT_THAT(Plan().missing, Contains(AllOf(Field(&MissingPart::what, "page tables"),
                                             Field(&MissingPart::why, HasSubstr("2 of them")))));
}

TEST_F(GraphPlanTest, CountsThePagesOfZerosThatDoNotFit) {
  AddTasks(1);
  build_.graph.header.stack_bytes = 0x10000;
  memory_.MapNew(kStack, 0x10000);
  memory_.WriteWord(Task(0) + 0x20, kStack);
  memory_.WriteWord(Task(0) + 0x28, kStack + 0xf100);
  limits_.capture_bytes = 8 * kPageBytes;
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.zero_pages, SizeIs(8));
  EXPECT_THAT(plan.missing, Contains(AllOf(Field(&MissingPart::what, "pages that read as zeros"),
                                           Field(&MissingPart::why, HasSubstr("7 of them")))));
}

TEST_F(GraphPlanTest, EndsWhenTimeIsUp) {
  AddTasks(1000);
  build_.Edge(MARROW_EDGE_POINTER, 0, 0).count = 1 << 20;
  absl::Duration now;
  clock_ = [&now] { return now += absl::Milliseconds(150); };
  EXPECT_THAT(Plan().missing, Contains(Field(&MissingPart::why, HasSubstr("time limit"))));
}

TEST_F(GraphPlanTest, NamesBadPointersWithTheirRoot) {
  AddTasks(1);
  memory_.WriteWord(Task(0) + 0x20, 0xdead'0000'0000'0000);
  const CapturePlan plan = Plan();
  ASSERT_THAT(plan.missing, Not(IsEmpty()));
  EXPECT_EQ(plan.missing[0].what, "root \"tasks\": task+0x20 -> stack");
  EXPECT_EQ(plan.missing[0].address, 0xdead'0000'0000'0000);
}

TEST_F(GraphPlanTest, NamesPagesThatCannotBeRead) {
  AddTasks(3);
  memory_.Break(Raw(PageOfTask(1)));
  EXPECT_THAT(Plan().missing, Contains(Field(&MissingPart::why, HasSubstr("cannot be read"))));
}

TEST_F(GraphPlanTest, NeitherCapturesNorFollowsForbiddenPages) {
  AddTasks(3);
  excluded_.set(MARROW_CLASS_SECRET);
  table_.regions.push_back({.id = 1,
                            .address_kind = AddressKind::kGva,
                            .address = Task(1),
                            .size = 8,
                            .region_class = MARROW_CLASS_SECRET,
                            .name = "secret"});
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, Contains(PageOfTask(0)));
  EXPECT_THAT(plan.pages, Not(Contains(PageOfTask(1))));
  EXPECT_THAT(plan.pages, Not(Contains(PageOfTask(2))));
}

TEST_F(GraphPlanTest, KeepsOutAllOfAnExcludedRegionHoweverLong) {
  memory_.Map(kDirectMap, 0, 1 << 30);
  build_ = {};
  build_.Type("secrets", 8);
  build_.Root("secrets", kDirectMap + 0x50'0000, 0);
  excluded_.set(MARROW_CLASS_SECRET);
  limits_.region_bytes = kPageBytes;
  for (const AddressKind kind : {AddressKind::kGpa, AddressKind::kGva}) {
    table_.regions = {{.id = 1,
                       .address_kind = kind,
                       .address = (kind == AddressKind::kGva ? kDirectMap : 0) + 0x40'0800,
                       .size = 0x10'0000,
                       .region_class = MARROW_CLASS_SECRET}};
    const CapturePlan plan = Plan();
    EXPECT_THAT(plan.pages, Not(Contains(Gpa{0x50'0000})));
    EXPECT_THAT(plan.missing, Contains(Field(&MissingPart::what, HasSubstr("root \"secrets\""))));
  }
}

TEST_F(GraphPlanTest, FollowsNoGraphWhenNotAllExcludedPagesAreKnown) {
  AddTasks(3);
  const RegionEntry endless{.id = 1,
                            .address_kind = AddressKind::kGva,
                            .address = kTasks + (1 << 30),
                            .size = std::uint64_t{1} << 40,
                            .region_class = MARROW_CLASS_SECRET};
  for (const bool too_many : {true, false}) {
    table_.regions_over_limit = too_many ? 1 : 0;
    table_.regions.clear();
    if (!too_many) table_.regions.push_back(endless);
    excluded_.reset();
    EXPECT_THAT(Plan().graph_roots, SizeIs(1));
    excluded_.set(MARROW_CLASS_SECRET);
    const CapturePlan plan = Plan();
    EXPECT_THAT(plan.pages, Not(Contains(PageOfTask(0))));
    EXPECT_THAT(plan.missing, Contains(AllOf(Field(&MissingPart::what, "graph"),
                                             Field(&MissingPart::why, HasSubstr("excludes")))));
  }
}

TEST_F(GraphPlanTest, FollowsNoGraphWhenTheTablesOfAnExcludedRegionCannotBeRead) {
  AddTasks(1);
  table_.regions.push_back({.id = 1,
                            .address_kind = AddressKind::kGva,
                            .address = 0x1000,
                            .size = 8,
                            .region_class = MARROW_CLASS_SECRET});
  excluded_.set(MARROW_CLASS_SECRET);
  EXPECT_THAT(Plan().graph_roots, SizeIs(1)) << "what is not mapped is nowhere";
  StoreAt(memory_.memory(), kPageBytes, std::uint64_t{1} << 40 | 3);  // outside of RAM
  EXPECT_THAT(Plan().graph_roots, IsEmpty());
}

TEST_F(GraphPlanTest, TakesRegionsAndStacksBeforeTheGraph) {
  AddTasks(100);
  table_.regions.push_back({.id = 1, .address = 0, .size = kPageBytes, .name = "region"});
  memory_.MapNew(kStack, 0x4000);
  vcpus_[0].registers.rsp = kStack + 0x3100;
  limits_.capture_bytes = 8 * kPageBytes;
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, SizeIs(8));
  EXPECT_THAT(plan.pages, Contains(Gpa{0}));
  EXPECT_THAT(plan.pages, Contains(Gpa{memory_.GpaOf(kStack + 0x3000)}));
}

TEST_F(GraphPlanTest, SaysThatAGraphWasInvalid) {
  build_.graph.roots[0].type = 9;
  table_.graph_rejected = "edge 1: unknown edge kind";
  EXPECT_THAT(Plan().missing,
              ElementsAre(Field(&MissingPart::why, "invalid: edge 1: unknown edge kind")));
}

TEST_F(GraphPlanTest, BoundsTheAliasesOfOnePageMappedEverywhere) {
  // A table that maps itself: all 512 entries of each level lead back to it.
  const std::uint64_t table = 0x7000;
  for (std::uint64_t i = 0; i < 512; ++i) {
    StoreAt(memory_.memory(), table + 8 * i, table | 3);
  }
  table_.facts.page_table_root = table;
  GraphPlanTest::build_ = {};
  build_.Type("everything", 8, 4096);
  build_.Root("all", kDirectMap, 0).elements = 1 << 20;
  limits_.capture_bytes = 16 * kPageBytes;
  const CapturePlan plan = Plan();
  EXPECT_THAT(plan.pages, ElementsAre(Gpa{table}));
  EXPECT_LE(plan.aliases.size(), 32u);
  EXPECT_THAT(plan.missing, Contains(Field(&MissingPart::what, "virtual addresses")));
}

}  // namespace
}  // namespace marrow
