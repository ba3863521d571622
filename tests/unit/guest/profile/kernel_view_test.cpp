// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/kernel_view.h"

#include <gtest/gtest.h>

#include "fake_kernel.h"

namespace marrow::profile {
namespace {

std::string Describe(const std::vector<Piece>& pieces) {
  std::string text;
  for (const Piece& piece : pieces) {
    char line[80];
    std::snprintf(line, sizeof(line), "%s %llx+%llx ",
                  piece.kind == MARROW_ADDRESS_GPA ? "gpa" : "gva",
                  static_cast<unsigned long long>(piece.address),
                  static_cast<unsigned long long>(piece.bytes));
    text += line;
  }
  return text;
}

TEST(Locate, SplitsWhereTheMappingChanges) {
  KernelView view;
  view.linear = {{0x10000, 0x500000, 0x1000}, {0x11000, 0x501000, 0x1000}, {0x20000, 0, 0x1000}};
  const struct {
    std::uint64_t gva, bytes;
    const char* pieces;
  } cases[] = {
      {0x10010, 0x20, "gpa 500010+20 "},
      {0x10000, 0x1000, "gpa 500000+1000 "},
      {0x10ff0, 0x20, "gpa 500ff0+20 "},
      {0x10000, 0x2000, "gpa 500000+2000 "},
      {0xff00, 0x200, "gva ff00+100 gpa 500000+100 "},
      {0x11f00, 0x200, "gpa 501f00+100 gva 12000+100 "},
      {0x11f00, 0xe200, "gpa 501f00+100 gva 12000+e000 gpa 0+100 "},
      {0x30000, 0x10, "gva 30000+10 "},
      {0x12000, 1, "gva 12000+1 "},
      {0x20fff, 1, "gpa fff+1 "},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Describe(view.Locate(c.gva, c.bytes)), c.pieces) << std::hex << c.gva;
  }
}

TEST(Physical, OfTheLastByteIsNotKnown) {
  KernelView view;
  view.linear = {{0xfffffffffffff000, 0x1000, 0x1000}};
  EXPECT_EQ(view.Physical(0xffffffffffffffff), std::nullopt);
  EXPECT_EQ(view.Physical(0xfffffffffffffffe), 0x1ffeu);
}

TEST(Symbol, FallsBackToVmcoreinfo) {
  const KernelView view =
      MakeView("1000 d prb\n", nullptr, "SYMBOL(prb)=2000\nSYMBOL(init_uts_ns)=3000\n");
  EXPECT_EQ(view.Symbol("prb"), 0x1000u);
  EXPECT_EQ(view.Symbol("init_uts_ns"), 0x3000u);
  EXPECT_EQ(view.Symbol("other"), std::nullopt);
}

TEST(Symbol, DoesNotTakeVmcoreinfosMemSection) {
  const KernelView view = MakeView("", nullptr, "SYMBOL(mem_section)=ffff8dbfbffd7000\n");
  EXPECT_EQ(view.Symbol("mem_section"), std::nullopt);
}

TEST(Facts, ComeFromVmcoreinfoAndMemory) {
  FakeMemory memory;
  memory.Put(kImage + 0x100, kDirectMap);
  memory.Put(kImage + 0x108, kVmalloc);
  memory.Put(kImage + 0x110, std::uint64_t{0xffffea0000000000});
  const KernelView view = MakeView(
      "ffffffff81000000 T _text\nffffffff82000000 B _end\nffffffff81000100 D page_offset_base\n"
      "ffffffff81000108 D vmalloc_base\nffffffff81000110 D vmemmap_base\n",
      &memory,
      "NUMBER(phys_base)=-4096\nNUMBER(pgtable_l5_enabled)=1\nKERNELOFFSET=1be00000\n"
      "SYMBOL(swapper_pg_dir)=ffffffff81010000\n");
  const marrow_facts facts = BuildFacts(view);
  EXPECT_EQ(facts.machine, 62);
  EXPECT_EQ(facts.page_shift, 12);
  EXPECT_EQ(facts.page_table_levels, 5);
  EXPECT_EQ(facts.cpu_count, 2u);
  EXPECT_EQ(facts.page_table_root, 0x1010000u);
  EXPECT_EQ(facts.phys_base, std::uint64_t(-4096));
  EXPECT_EQ(facts.kernel_map, 0xffffffff80000000u);
  EXPECT_EQ(facts.kaslr_offset, 0x1be00000u);
  EXPECT_EQ(facts.kernel_start, kImage);
  EXPECT_EQ(facts.kernel_end, 0xffffffff82000000u);
  EXPECT_EQ(facts.direct_map, kDirectMap);
  EXPECT_EQ(facts.vmalloc_base, kVmalloc);
  EXPECT_EQ(facts.vmemmap_base, 0xffffea0000000000u);
  EXPECT_EQ(facts.vmcoreinfo_gpa, 0x11f0000u);
  EXPECT_EQ(facts.vmcoreinfo_bytes, 0x1024u);
}

TEST(Facts, AreDerivedFromMappingsWithoutMemory) {
  const marrow_facts facts = BuildFacts(MakeView("ffffffff81000000 T _text\n", nullptr));
  EXPECT_EQ(facts.phys_base, 0u);
  EXPECT_EQ(facts.direct_map, kDirectMap);
  EXPECT_EQ(facts.vmalloc_base, 0u);
}

TEST(Facts, OfAnUnknownKernelAreZero) {
  const marrow_facts facts = BuildFacts(KernelView());
  EXPECT_EQ(facts.kernel_start, 0u);
  EXPECT_EQ(facts.phys_base, 0u);
  EXPECT_EQ(facts.page_table_root, 0u);
  EXPECT_EQ(facts.direct_map, 0u);
}

// A kernel whose linux_banner holds `text`.
std::string ReleaseByBanner(const std::string& text) {
  FakeMemory memory;
  for (std::size_t i = 0; i < 512; ++i) {
    memory.Put(kImage + 0x100 + i, i < text.size() ? text[i] : '\0');
  }
  return MakeView("ffffffff81000100 D linux_banner\n", &memory).Release();
}

TEST(KernelRelease, IsTakenFromTheBestSource) {
  KernelView view = MakeView("", nullptr, "OSRELEASE=6.1.0-13-amd64\n");
  EXPECT_EQ(view.Release(), "6.1.0-13-amd64");
  view.release = "6.2.0";
  EXPECT_EQ(view.Release(), "6.2.0");
}

TEST(KernelRelease, IsFoundInTheBanner) {
  EXPECT_EQ(ReleaseByBanner("Linux version 6.1.0-13-amd64 (debian) #1 SMP"), "6.1.0-13-amd64");
  EXPECT_EQ(ReleaseByBanner("Linux version 6.1.0"), "6.1.0");
  EXPECT_EQ(ReleaseByBanner("Linux version 6.1.0\n"), "6.1.0");
  EXPECT_EQ(ReleaseByBanner("Another system 6.1.0"), "");
}

TEST(KernelRelease, IsNotKnownWithoutAnySource) {
  EXPECT_EQ(MakeView("", nullptr).Release(), "");
  EXPECT_EQ(MakeView("ffffffff81000100 D linux_banner\n", nullptr).Release(), "");
}

}  // namespace
}  // namespace marrow::profile
