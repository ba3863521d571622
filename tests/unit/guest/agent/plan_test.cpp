// SPDX-License-Identifier: Apache-2.0
// Regions and graph share a window, and what does not fit is said.
#include "guest/agent/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "fake_btf.h"
#include "guest/agent/describe.h"
#include "guest/agent/explain.h"
#include "guest/graph/graph.h"
#include "guest/profile/btf.h"
#include "tests/unit/guest/profile/fake_kernel.h"

namespace marrow::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kProfile[] =
    "symbol banner size 16\n"
    "type node class task\n"
    "  next pointer node\n"
    "root first object node\n";

// Two nodes, from the variable `first` to one in the direct map.
class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    const auto text = FakeBtf();
    auto types = profile::Btf::Parse(std::as_bytes(std::span<const char>(text)));
    EXPECT_TRUE(types.ok());
    kernel_.types = std::make_unique<profile::Btf>(std::move(*types));
    memory_.Put<Page>(profile::kImage, {});
    memory_.Put<Page>(profile::kDirectMap + 0x5000, {});
    memory_.Put<std::uint64_t>(profile::kImage + 0x28, profile::kDirectMap + 0x5ff8);
    kernel_.view = profile::MakeView(
        "ffffffff81000000 T _text\nffffffff81000010 D banner\nffffffff81000020 D first\n"
        "ffffffff81001000 B _end\n",
        &memory_);
  }

  Plan Make(std::size_t room, const std::string& text = kProfile) {
    const auto parsed = profile::ParseProfile(text, "test");
    EXPECT_TRUE(parsed.ok()) << parsed.error();
    return MakePlan(*parsed, kernel_, room);
  }

  struct Page {
    std::byte bytes[4096];
  };

  profile::FakeMemory memory_;
  LinuxKernel kernel_;
};

TEST_F(PlanTest, HasRegionsAndAGraph) {
  const Plan plan = Make(4096);
  EXPECT_EQ(plan.table.regions.size(), 1u);
  const auto graph = graph::ParseGraph(std::as_bytes(std::span<const char>(plan.graph)));
  ASSERT_TRUE(graph.ok()) << graph.error();
  ASSERT_EQ(graph->roots.size(), 1u);
  EXPECT_EQ(graph->roots[0].address, profile::kImage + 0x20);
  EXPECT_THAT(plan.losses, IsEmpty());
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST_F(PlanTest, FillsTheRoomToTheLastByte) {
  const std::size_t bytes = Make(4096).graph.size() + sizeof(marrow_region);
  EXPECT_FALSE(Make(bytes).graph.empty());
  const Plan plan = Make(bytes - 1);
  EXPECT_TRUE(plan.graph.empty());
  EXPECT_EQ(plan.table.regions.size(), 1u);
  EXPECT_THAT(plan.losses, ElementsAre(HasSubstr("no graph: it takes")));
}

TEST_F(PlanTest, PrefersRegionsToTheGraph) {
  const Plan plan = Make(sizeof(marrow_region));
  EXPECT_TRUE(plan.graph.empty());
  EXPECT_EQ(plan.table.regions.size(), 1u);
}

TEST_F(PlanTest, HasNoGraphWithoutTypes) {
  kernel_.types = std::make_unique<profile::NoTypes>();
  const Plan plan = Make(4096);
  EXPECT_TRUE(plan.graph.empty());
  EXPECT_EQ(plan.table.regions.size(), 1u);
  EXPECT_FALSE(plan.missing.empty());
}

TEST_F(PlanTest, IsMeasuredByTheLivingMemory) {
  const Plan plan = Make(4096);
  const auto cost = Measure(plan, kernel_);
  ASSERT_TRUE(cost.ok()) << cost.error();
  EXPECT_EQ(cost->region_pages, 1u);
  ASSERT_EQ(cost->walk.roots.size(), 1u);
  EXPECT_EQ(cost->walk.roots[0].objects, 2u);
  EXPECT_EQ(cost->walk.roots[0].pages, 1u);
  EXPECT_EQ(cost->total_pages, 2u);
  // The second node passes the end of its page, and the next page cannot be read.
  EXPECT_FALSE(cost->walk.complaints.empty());
}

TEST_F(PlanTest, CannotBeMeasuredWithoutMemory) {
  const Plan plan = Make(4096);
  kernel_.view.memory = nullptr;
  EXPECT_THAT(Measure(plan, kernel_).error(), HasSubstr("/proc/kcore cannot be read"));
}

TEST_F(PlanTest, IsExplained) {
  const Plan plan = Make(4096, std::string(kProfile) + "symbol gone\n");
  const auto cost = Measure(plan, kernel_);
  ASSERT_TRUE(cost.ok()) << cost.error();
  std::ostringstream out;
  PrintCost("mine", plan, *cost, false, out);
  EXPECT_THAT(out.str(),
              HasSubstr("profile mine: 1 regions, a graph of 1 types, 1 edges, 1 roots"));
  EXPECT_THAT(out.str(), testing::ContainsRegex("first +2 +1 +4096\n"));
  EXPECT_THAT(out.str(), HasSubstr("pages, "));
  EXPECT_THAT(out.str(), HasSubstr("  first: "));
  EXPECT_THAT(out.str(), HasSubstr("no symbol gone"));
}

TEST(GraphHeaderOf, IsZeroWithoutAGraph) { EXPECT_EQ(GraphHeaderOf("").type_count, 0u); }

}  // namespace
}  // namespace marrow::agent
