// SPDX-License-Identifier: Apache-2.0
// The publishing agent over a kernel and a window made of files.
#include "guest/agent/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "fake_btf.h"
#include "fake_kcore.h"
#include "fake_window.h"
#include "guest/agent/describe.h"
#include "guest/agent/load_profile.h"
#include "tests/unit/guest/profile/fake_kernel.h"

namespace marrow::agent {

namespace {

using testing::HasSubstr;

class AgentTest : public testing::Test {
 protected:
  AgentTest() {
    folder_.Write("proc/kallsyms",
                  "ffffffff81000000 T _text\nffffffff81000010 D linux_banner\n"
                  "ffffffff81000020 D other\nffffffff81001000 B _end\n");
    folder_.Write("proc/kcore", FakeKcore("KERNELOFFSET=5000\n", std::string(4096, 'm')));
    folder_.Write("proc/iomem", "00100000-3ffdefff : System RAM\n");
    folder_.Write("proc/modules", "");
    folder_.Write("proc/sys/kernel/random/boot_id", "44b80f59-b7ff-4b17-9262-3bc7c15e1bea\n");
    folder_.Write("sys/kernel/vmcoreinfo", "0x11f0000 1024\n");
    folder_.Write("sys/devices/system/cpu/possible", "0\n");
    folder_.Write("sys/kernel/btf/vmlinux", FakeBtf());
    folder_.Write("window", FakeWindow());
  }

  std::string window_path() const { return folder_.path() + "/window"; }
  marrow_window_header Window() const { return ReadWindow(window_path()); }

  Result<Agent> Start(const std::string& profile = "symbol linux_banner\nvmcoreinfo") {
    auto mapping = WindowMapping::OpenFile(window_path());
    if (!mapping.ok()) return mapping.failure();
    auto parsed = ParseProfile(profile, "test");
    if (!parsed.ok()) return parsed.failure();
    return Agent::Start({folder_.path(), *parsed, 250}, std::move(*mapping), log_);
  }

  // Rewrites the file in place, as a host with the same mapping does.
  void Format(std::uint8_t nonce) {
    std::fstream file(window_path(), std::ios::in | std::ios::out | std::ios::binary);
    file << FakeWindow(65536, nonce);
  }

  TempFolder folder_;
  std::ostringstream log_;
};

using AgentLife = AgentTest;

TEST_F(AgentLife, StartsAliveWithAPublishedTable) {
  const auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  EXPECT_EQ(Window().guest.state, MARROW_STATE_ALIVE);
  EXPECT_EQ(Window().guest.writer, MARROW_WRITER_AGENT);
  EXPECT_EQ(Window().guest.boot_id[0], 0x44);
  EXPECT_EQ(Window().guest.boot_id[15], 0xea);
  EXPECT_EQ(Window().table.region_count, 2u);
  EXPECT_EQ(Window().facts.kaslr_offset, 0x5000u);
  EXPECT_EQ(Window().heartbeat.period_ms, 250u);
  EXPECT_THAT(log_.str(), HasSubstr("published 2 regions"));
}

TEST_F(AgentLife, BeatsOnEachTick) {
  auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  const auto before = Window();
  agent->Tick(1000);
  agent->Tick(1250);
  EXPECT_EQ(Window().heartbeat.beat, before.heartbeat.beat + 2);
  EXPECT_EQ(Window().heartbeat.uptime_ms, 1250u);
  EXPECT_EQ(Window().table.generation, before.table.generation);
}

TEST_F(AgentLife, PublishesAgainWhenAModuleComes) {
  auto agent = Start("symbol linux_banner\nsymbol in_module size 8 optional");
  ASSERT_TRUE(agent.ok()) << agent.error();
  const auto before = Window();
  EXPECT_EQ(before.table.region_count, 1u);
  folder_.Write("proc/modules", "m 4096 0 - Live 0xffffffffc0000000\n");
  folder_.Write("proc/kallsyms",
                "ffffffff81000010 D linux_banner\nffffffff81000020 D other\n"
                "ffffffffc0000000 d in_module\t[m]\n");
  agent->Tick(1);
  EXPECT_EQ(Window().table.region_count, 2u);
  EXPECT_EQ(Window().table.generation, before.table.generation + 1);
  EXPECT_EQ(Window().guest.state, MARROW_STATE_ALIVE);
}

TEST_F(AgentLife, KeepsTheTableWhenProcGoesAway) {
  folder_.Write("proc/modules", "m 4096 0 - Live 0xffffffffc0000000\n");
  auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  std::filesystem::remove_all(folder_.path() + "/proc");
  agent->Tick(1);
  EXPECT_EQ(Window().table.region_count, 2u);
}

TEST_F(AgentLife, JoinsAgainWhenTheHostFormatsTheWindow) {
  auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  Format(2);
  agent->Tick(1);
  EXPECT_EQ(Window().guest.state, MARROW_STATE_ALIVE);
  EXPECT_EQ(Window().table.region_count, 2u);
  EXPECT_EQ(Window().heartbeat.beat, 1u);
}

TEST_F(AgentLife, OutlivesAHostThatGoesAndComes) {
  auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  {
    std::fstream file(window_path(), std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(65536, '\0');
  }
  agent->Tick(1);
  agent->Tick(2);
  EXPECT_EQ(Window().guest.magic, 0u);
  EXPECT_THAT(log_.str(), HasSubstr("no Marrow host has formatted"));
  Format(3);
  agent->Tick(3);
  EXPECT_EQ(Window().guest.state, MARROW_STATE_ALIVE);
}

TEST_F(AgentLife, SaysALastingProblemOnce) {
  auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  {
    std::fstream file(window_path(), std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(64, '\0');
  }
  agent->Tick(1);
  const std::string said = log_.str();
  agent->Tick(2);
  EXPECT_EQ(log_.str(), said);
}

TEST(WriteLines, NamesTheProgramOnEachLine) {
  std::ostringstream out;
  WriteLines("first\n  second", out);
  EXPECT_EQ(out.str(), "marrow-agent: first\nmarrow-agent:   second\n");
}

TEST_F(AgentLife, EndsInOrder) {
  auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  agent->Shutdown();
  EXPECT_EQ(Window().guest.state, MARROW_STATE_SHUTDOWN);
  EXPECT_EQ(Window().table.region_count, 2u);
}

TEST_F(AgentLife, StartsOverItsOwnRemains) {
  { ASSERT_TRUE(Start().ok()); }
  const auto before = Window();
  const auto agent = Start();
  ASSERT_TRUE(agent.ok()) << agent.error();
  EXPECT_EQ(Window().table.region_count, 2u);
  EXPECT_GT(Window().table.generation, before.table.generation);
}

TEST_F(AgentLife, NeedsABootId) {
  for (const char* text :
       {"", "44b80f59-b7ff-4b17-9262-3bc7c15e1be", "zzb80f59-b7ff-4b17-9262-3bc7c15e1bea"}) {
    folder_.Write("proc/sys/kernel/random/boot_id", text);
    EXPECT_THAT(Start().error(), HasSubstr("not a UUID")) << text;
  }
}

TEST_F(AgentLife, PublishesWhatItCanAndCountsTheRest) {
  const auto agent = Start("symbol linux_banner\nsymbol gone\nsymbol lost");
  ASSERT_TRUE(agent.ok()) << agent.error();
  EXPECT_EQ(Window().table.region_count, 1u);
  EXPECT_THAT(log_.str(),
              HasSubstr("2 profile lines gave nothing, the first: test:2: no symbol gone"));
}

TEST_F(AgentLife, SaysWhatDoesNotFitASmallWindow) {
  folder_.Write("window", FakeWindow(4096));
  std::string iomem;
  for (int i = 0; i < 60; ++i) {
    const std::string page = std::to_string(10 + i);
    iomem += page + "0000-" + page + "0fff : Island\n";
  }
  folder_.Write("proc/iomem", iomem);
  const auto agent = Start("iomem Island");
  ASSERT_TRUE(agent.ok()) << agent.error();
  EXPECT_EQ(Window().table.region_count, 48u);
  EXPECT_THAT(log_.str(), HasSubstr("not published: the last 12 regions from Island on"));
}

constexpr char kGraphProfile[] =
    "symbol linux_banner\ntype node\n  next pointer node\nroot other object node\n";

TEST_F(AgentLife, PublishesAGraph) {
  const auto agent = Start(kGraphProfile);
  ASSERT_TRUE(agent.ok()) << agent.error();
  const marrow_table_control table = Window().table;
  EXPECT_EQ(table.region_count, 1u);
  EXPECT_EQ(table.graph_bytes, 64u * (1 + 1 + 1 + 1));
  EXPECT_EQ(table.graph_offset, 65536u - table.graph_bytes);
  EXPECT_THAT(log_.str(), HasSubstr("a graph of 1 types, 1 edges, 1 roots"));
}

TEST_F(AgentLife, PublishesRegionsOnlyWhereTheGraphDoesNotFit) {
  folder_.Write("window", FakeWindow(4096));
  std::string profile = kGraphProfile;
  std::string symbols = "ffffffff81000000 T _text\nffffffff81000010 D linux_banner\n";
  for (int i = 100; i < 148; ++i) {
    profile += "root r" + std::to_string(i) + " object node\n";
    symbols += "ffffffff81000" + std::to_string(i) + " D r" + std::to_string(i) + "\n";
  }
  folder_.Write("proc/kallsyms", symbols + "ffffffff81000200 D other\nffffffff81001000 B _end\n");
  const auto agent = Start(profile);
  ASSERT_TRUE(agent.ok()) << agent.error();
  EXPECT_EQ(Window().table.region_count, 1u);
  EXPECT_EQ(Window().table.graph_bytes, 0u);
  EXPECT_THAT(log_.str(), HasSubstr("no graph: it takes"));
}

TEST_F(AgentLife, RepublishesTheGraphWhenAModuleComes) {
  auto agent = Start(kGraphProfile);
  ASSERT_TRUE(agent.ok()) << agent.error();
  const auto before = Window();
  folder_.Write("proc/modules", "m 4096 0 - Live 0xffffffffc0000000\n");
  folder_.Write("proc/kallsyms",
                "ffffffff81000000 T _text\nffffffff81000010 D linux_banner\n"
                "ffffffff81001000 B _end\n");
  agent->Tick(1);
  EXPECT_EQ(Window().table.generation, before.table.generation + 1);
  EXPECT_EQ(Window().table.graph_bytes, 0u);
  EXPECT_EQ(Window().table.region_capacity, (65536u - 1024u) / 64u);
}

TEST(LoadProfile, KnowsShippedOnesByName) {
  for (const char* name : {"log", "crash", "tasks-full"}) {
    const auto profile = LoadProfile(name);
    EXPECT_TRUE(profile.ok()) << profile.error();
  }
}

TEST(LoadProfile, TakesFiles) {
  TempFolder folder;
  folder.Write("mine", "include log\nsymbol extra\n");
  EXPECT_TRUE(LoadProfile(folder.path() + "/mine").ok());
  folder.Write("mine", "nonsense\n");
  EXPECT_THAT(LoadProfile(folder.path() + "/mine").error(), HasSubstr("/mine:1: "));
}

TEST(LoadProfile, NamesWhatThereIs) {
  EXPECT_THAT(LoadProfile("tusks").error(),
              HasSubstr("no profile of that name is compiled in: log, crash, tasks-full"));
}

TEST_F(AgentLife, PlanCanBePrinted) {
  const auto profile =
      ParseProfile("symbol linux_banner class log\nsymbol gone\nsymbol x optional", "p");
  ASSERT_TRUE(profile.ok());
  const Plan plan = MakePlan(*profile, folder_.path(), 6400);
  std::ostringstream out;
  PrintPlan(plan, true, out);
  EXPECT_THAT(out.str(), HasSubstr("gpa  0x0000000001000010         16 log          linux_banner"));
  EXPECT_THAT(out.str(), HasSubstr("1 regions, 16 bytes in 1 pages (4 KiB)"));
  EXPECT_THAT(out.str(), HasSubstr("nothing from profile p:2: no symbol gone"));
  EXPECT_THAT(out.str(), HasSubstr("nothing from optional profile p:3"));
  EXPECT_THAT(out.str(), HasSubstr("kaslr_offset      0x0000000000005000"));
}

}  // namespace
}  // namespace marrow::agent
