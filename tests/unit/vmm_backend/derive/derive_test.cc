// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/derive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/vmm_backend/derive/fake_kernel.h"

namespace marrow {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kProfile[] =
    "symbol init_uts_ns size 400\n"
    "symbol banner size 16 class log\n"
    "type task\n"
    "  next pointer\n"
    "root first pointer task\n";

class Derive : public testing::Test {
 protected:
  Derive() { kernel_.AddVariables(); }

  absl::StatusOr<DerivedTable> Run(DeriveLimits limits = {}) {
    return Run(kernel_.VmcoreinfoText(), limits);
  }

  absl::StatusOr<DerivedTable> Run(const std::string& vmcoreinfo, DeriveLimits limits = {}) {
    kernel_.WriteSymbols();
    const auto profile = profile::ParseProfile(kProfile, "test");
    EXPECT_TRUE(profile.ok());
    const std::vector<VcpuState> none;
    return DeriveTable({.read = kernel_.reader(),
                        .ram = &kernel_.ram(),
                        .vmcoreinfo = vmcoreinfo,
                        .vcpus = &none,
                        .profile = &*profile,
                        .limits = limits,
                        .clock = clock_});
  }

  FakeKernel kernel_;
  std::function<absl::Duration()> clock_;
};

std::vector<std::string> Names(const DerivedTable& derived) {
  std::vector<std::string> names;
  for (const RegionEntry& region : derived.table.regions) names.push_back(region.name);
  return names;
}

TEST_F(Derive, MakesRegionsFactsAndGraph) {
  kernel_.AddBtf(FakeKernel::TaskBtf());
  const auto derived = Run();
  ASSERT_TRUE(derived.ok()) << derived.status();
  EXPECT_THAT(derived->lost, IsEmpty());
  EXPECT_THAT(derived->missing_lines, IsEmpty());
  EXPECT_THAT(Names(*derived), ElementsAre("init_uts_ns", "banner"));
  const RegionEntry& banner = derived->table.regions[1];
  EXPECT_EQ(banner.id, 2u);
  EXPECT_EQ(banner.address_kind, AddressKind::kGpa);
  EXPECT_EQ(banner.address, FakeKernel::kImageGpa + FakeKernel::kBanner);
  EXPECT_EQ(banner.region_class, MARROW_CLASS_LOG);
  const marrow_facts& facts = derived->table.facts;
  EXPECT_EQ(facts.page_table_root, FakeKernel::kImageGpa + FakeKernel::kTopTable);
  EXPECT_EQ(facts.phys_base, FakeKernel::kImageGpa - 0x100'0000);
  EXPECT_EQ(facts.direct_map, FakeKernel::kDirectMap);
  EXPECT_EQ(facts.cpu_count, 3u);
  ASSERT_TRUE(derived->table.graph);
  EXPECT_THAT(derived->table.graph->roots, SizeIs(1));
  EXPECT_EQ(derived->table.graph->roots[0].address, FakeKernel::Gva(FakeKernel::kFirst));
  EXPECT_THAT(derived->made_of, HasSubstr("VMCOREINFO, 11 symbols, 0 KiB"));
}

TEST_F(Derive, GoesWithoutTypes) {
  const auto derived = Run();
  ASSERT_TRUE(derived.ok()) << derived.status();
  EXPECT_FALSE(derived->table.graph);
  EXPECT_THAT(Names(*derived), ElementsAre("init_uts_ns", "banner"));
  EXPECT_THAT(derived->lost, ElementsAre(HasSubstr("no graph")));
}

TEST_F(Derive, GoesWithoutTypesThatAreNone) {
  kernel_.AddBtf("no BTF at all, but some bytes");
  EXPECT_THAT(Run()->lost, ElementsAre(HasSubstr("no graph")));
}

TEST_F(Derive, GoesWithoutTypesOfAbsurdSize) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    FakeKernel kernel;
    std::swap(kernel, kernel_);
    kernel_.AddSymbol("__start_BTF", FakeKernel::Gva(FakeKernel::kBtf));
    kernel_.AddSymbol("__stop_BTF", FakeKernel::Gva(FakeKernel::kBtf) + size);
    EXPECT_THAT(Run()->lost, Contains(HasSubstr("no graph"))) << size;
  }
}

TEST_F(Derive, GoesWithoutSymbols) {
  kernel_.vmcoreinfo.erase("SYMBOL(kallsyms_names)");
  const auto derived = Run();
  ASSERT_TRUE(derived.ok()) << derived.status();
  EXPECT_THAT(Names(*derived), ElementsAre("init_uts_ns"));
  EXPECT_EQ(derived->table.regions[0].address, FakeKernel::kImageGpa + FakeKernel::kUtsNs);
  EXPECT_THAT(derived->lost, Contains(HasSubstr("only what VMCOREINFO names")));
  EXPECT_THAT(derived->missing_lines, Contains(HasSubstr("banner")));
  EXPECT_EQ(derived->made_of, "VMCOREINFO");
}

TEST_F(Derive, SearchesForTheVmcoreinfoThatFits) {
  constexpr char kStale[] = "OSRELEASE=5.10.0\nSYMBOL(init_uts_ns)=ffffffff81001000\n";
  kernel_.memory().Write(0x1000, kStale);
  kernel_.memory().Write(0x2000, kernel_.VmcoreinfoText());
  for (const char* known : {"", kStale}) {
    const auto derived = Run(known);
    ASSERT_TRUE(derived.ok()) << derived.status();
    EXPECT_EQ(derived->vmcoreinfo, kernel_.VmcoreinfoText());
  }
}

TEST_F(Derive, NeedsAVmcoreinfoThatFits) {
  kernel_.vmcoreinfo["OSRELEASE"] = "6.1.0-other";
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kFailedPrecondition);
  kernel_.vmcoreinfo.clear();
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Derive, EndsWithItsTimeAndSaysSo) {
  kernel_.AddBtf(FakeKernel::TaskBtf());
  std::size_t with_graph = 0, without = 0, none = 0;
  for (int time_ms = 0; time_ms < 600; ++time_ms) {
    int now_ms = 0;
    clock_ = [&now_ms] { return absl::Milliseconds(now_ms++); };
    DeriveLimits limits;
    limits.time = absl::Milliseconds(time_ms);
    limits.scan.pages = 4;
    const auto derived = Run(limits);
    EXPECT_LT(now_ms, time_ms + 200);
    if (!derived.ok()) {
      EXPECT_THAT(derived.status().message(), HasSubstr("time"));
      ++none;
    } else if (!derived->table.graph) {
      EXPECT_THAT(derived->lost, Contains(HasSubstr("time"))) << time_ms;
      ++without;
    } else {
      ++with_graph;
    }
  }
  EXPECT_NE(with_graph, 0u);
  EXPECT_NE(without, 0u);
  EXPECT_NE(none, 0u);
}

TEST_F(Derive, CountsRegionsOverTheLimit) {
  DeriveLimits limits;
  limits.table.regions = 1;
  const auto derived = Run(limits);
  EXPECT_THAT(derived->table.regions, SizeIs(1));
  EXPECT_EQ(derived->table.regions_over_limit, 1u);
}

TEST_F(Derive, BoundsTheCpusOfAForgedMask) {
  kernel_.Write(FakeKernel::kCpuMask, std::string(0x2000, '\xff'));
  kernel_.AddSymbol("__per_cpu_offset", FakeKernel::Gva(0));
  kernel_.WriteValue(FakeKernel::kCpuCount, ~std::uint32_t{0});
  const auto derived = Run();
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(derived->table.facts.cpu_count, 8192u);
}

TEST_F(Derive, SurvivesAForgedDirectMap) {
  for (const std::uint64_t base :
       {FakeKernel::kImage, ~std::uint64_t{0} - 4096, std::uint64_t{0}}) {
    kernel_.WriteValue(FakeKernel::kPageOffsetBase, base);
    const auto derived = Run();
    ASSERT_TRUE(derived.ok());
    EXPECT_THAT(Names(*derived), Contains("init_uts_ns"));
  }
}

}  // namespace
}  // namespace marrow
