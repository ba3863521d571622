// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/derive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/unit/vmm_backend/derive/fake_kernel.h"

namespace marrow {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kBtf = 0x30000;
constexpr std::uint64_t kDirectMap = 0xffff'8880'0000'0000;

constexpr char kProfile[] =
    "symbol init_uts_ns size 400\n"
    "symbol banner size 16 class log\n"
    "type task\n"
    "  next pointer\n"
    "root first pointer task\n";

void AppendWords(std::string& text, std::initializer_list<std::uint32_t> words) {
  for (const std::uint32_t word : words) {
    text.append(AsText(std::as_bytes(std::span(&word, 1))).data(), sizeof(word));
  }
}

// struct task { struct task *next; }: Documentation/bpf/btf.rst.
std::string TaskBtf() {
  constexpr std::uint32_t kPointer = 2u << 24, kStructOfOne = (4u << 24) | 1;
  std::string types;
  AppendWords(types, {0, kPointer, 2});               // 1: pointer to 2
  AppendWords(types, {1, kStructOfOne, 8, 6, 1, 0});  // 2: task, 8 bytes, member "next" at 0
  const std::string strings("\0task\0next\0", 11);
  std::string btf("\x9f\xeb\x01\x00", 4);
  AppendWords(
      btf, {24, 0, static_cast<std::uint32_t>(types.size()),
            static_cast<std::uint32_t>(types.size()), static_cast<std::uint32_t>(strings.size())});
  return btf + types + strings;
}

class Derive : public testing::Test {
 protected:
  Derive() {
    kernel_.AddSymbol("_text", FakeKernel::Gva(0), 'T');
    kernel_.AddSymbol("_end", FakeKernel::Gva(FakeKernel::kImageBytes), 'B');
    kernel_.AddSymbol("banner", FakeKernel::Gva(0x20100));
    kernel_.AddSymbol("first", FakeKernel::Gva(0x20200));
    AddVariable("page_offset_base", 0x20300, kDirectMap);
    AddVariable("__cpu_possible_mask", 0x20400, 0b1011);
    AddVariable("nr_cpu_ids", 0x20500, 4);
  }

  void AddVariable(const std::string& name, std::uint64_t offset, std::uint64_t value) {
    kernel_.AddSymbol(name, FakeKernel::Gva(offset));
    kernel_.WriteValue(offset, value);
  }

  void AddBtf(absl::string_view btf) {
    kernel_.AddSymbol("__start_BTF", FakeKernel::Gva(kBtf));
    kernel_.AddSymbol("__stop_BTF", FakeKernel::Gva(kBtf + btf.size()));
    kernel_.Write(kBtf, btf);
  }

  absl::StatusOr<DerivedTable> Run(std::vector<std::string> stale = {}, DeriveLimits limits = {}) {
    kernel_.WriteSymbols();
    const auto profile = profile::ParseProfile(kProfile, "test");
    EXPECT_TRUE(profile.ok());
    std::vector<std::string> texts = std::move(stale);
    texts.push_back(kernel_.VmcoreinfoText());
    const std::vector<VcpuState> none;
    return DeriveTable({.read = kernel_.reader(),
                        .ram = &kernel_.ram(),
                        .vmcoreinfo = texts,
                        .vcpus = &none,
                        .profile = &*profile,
                        .limits = limits});
  }

  FakeKernel kernel_;
};

std::vector<std::string> Names(const DerivedTable& derived) {
  std::vector<std::string> names;
  for (const RegionEntry& region : derived.table.regions) names.push_back(region.name);
  return names;
}

TEST_F(Derive, MakesRegionsFactsAndGraph) {
  AddBtf(TaskBtf());
  const auto derived = Run();
  ASSERT_TRUE(derived.ok()) << derived.status();
  EXPECT_THAT(derived->lost, IsEmpty());
  EXPECT_THAT(derived->missing_lines, IsEmpty());
  EXPECT_THAT(Names(*derived), ElementsAre("init_uts_ns", "banner"));
  const RegionEntry& banner = derived->table.regions[1];
  EXPECT_EQ(banner.id, 2u);
  EXPECT_EQ(banner.address_kind, AddressKind::kGpa);
  EXPECT_EQ(banner.address, FakeKernel::kImageGpa + 0x20100);
  EXPECT_EQ(banner.region_class, MARROW_CLASS_LOG);
  const marrow_facts& facts = derived->table.facts;
  EXPECT_EQ(facts.page_table_root, FakeKernel::kImageGpa + FakeKernel::kTopTable);
  EXPECT_EQ(facts.phys_base, FakeKernel::kImageGpa - 0x100'0000);
  EXPECT_EQ(facts.direct_map, kDirectMap);
  EXPECT_EQ(facts.cpu_count, 3u);
  ASSERT_TRUE(derived->table.graph);
  EXPECT_THAT(derived->table.graph->roots, SizeIs(1));
  EXPECT_EQ(derived->table.graph->roots[0].address, FakeKernel::Gva(0x20200));
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
  AddBtf("no BTF at all, but some bytes");
  EXPECT_THAT(Run()->lost, ElementsAre(HasSubstr("no graph")));
}

TEST_F(Derive, GoesWithoutTypesOfAbsurdSize) {
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    FakeKernel kernel;
    std::swap(kernel, kernel_);
    kernel_.AddSymbol("__start_BTF", FakeKernel::Gva(kBtf));
    kernel_.AddSymbol("__stop_BTF", FakeKernel::Gva(kBtf) + size);
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

TEST_F(Derive, TakesTheVmcoreinfoThatFits) {
  const auto derived = Run({"", "OSRELEASE=5.10.0\nSYMBOL(init_uts_ns)=ffffffff81001000\n"});
  ASSERT_TRUE(derived.ok()) << derived.status();
  EXPECT_EQ(derived->vmcoreinfo, kernel_.VmcoreinfoText());
}

TEST_F(Derive, NeedsAVmcoreinfoThatFits) {
  kernel_.vmcoreinfo["OSRELEASE"] = "6.1.0-other";
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kFailedPrecondition);
  kernel_.vmcoreinfo.clear();
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(Derive, CountsRegionsOverTheLimit) {
  DeriveLimits limits;
  limits.table.regions = 1;
  const auto derived = Run({}, limits);
  EXPECT_THAT(derived->table.regions, SizeIs(1));
  EXPECT_EQ(derived->table.regions_over_limit, 1u);
}

TEST_F(Derive, BoundsTheCpusOfAForgedMask) {
  kernel_.Write(0x20400, std::string(0x2000, '\xff'));
  kernel_.AddSymbol("__per_cpu_offset", FakeKernel::Gva(0));
  kernel_.WriteValue(0x20500, ~std::uint32_t{0});
  const auto derived = Run();
  ASSERT_TRUE(derived.ok());
  EXPECT_EQ(derived->table.facts.cpu_count, 8192u);
}

TEST_F(Derive, SurvivesAForgedDirectMap) {
  for (const std::uint64_t base :
       {FakeKernel::kImage, ~std::uint64_t{0} - 4096, std::uint64_t{0}}) {
    kernel_.WriteValue(0x20300, base);
    const auto derived = Run();
    ASSERT_TRUE(derived.ok());
    EXPECT_THAT(Names(*derived), Contains("init_uts_ns"));
  }
}

}  // namespace
}  // namespace marrow
