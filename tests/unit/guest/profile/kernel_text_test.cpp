// SPDX-License-Identifier: Apache-2.0
// The parsers of /proc and /sys text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guest/profile/iomem.h"
#include "guest/profile/kallsyms.h"
#include "guest/profile/scan.h"
#include "guest/profile/vmcoreinfo.h"

namespace marrow::profile {
namespace {

using testing::ElementsAre;

TEST(Scan, TakesLinesWithAndWithoutEnd) {
  std::string_view text = "a b\n\nlast";
  EXPECT_EQ(TakeLine(&text), "a b");
  EXPECT_EQ(TakeLine(&text), "");
  EXPECT_EQ(TakeLine(&text), "last");
  EXPECT_TRUE(text.empty());
}

TEST(Scan, ParsesWholeNumbersOnly) {
  EXPECT_EQ(ParseHex("0xffffffffffffffff"), UINT64_MAX);
  EXPECT_EQ(ParseHex("1be00000"), 0x1be00000u);
  EXPECT_EQ(ParseSigned("-129"), -129);
  for (const char* text : {"", "0x", "12x", " 1", "1 ", "10000000000000000", "-1"}) {
    EXPECT_EQ(ParseHex(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseDecimal("18446744073709551616"), std::nullopt);
  EXPECT_EQ(ParseDecimal("0x10"), std::nullopt);
}

TEST(Kallsyms, KeepTheFirstOfAName) {
  const Kallsyms parsed = Kallsyms::Parse("30 t b\n10 t a\n20 t a\n");
  Kallsyms::Builder builder;
  builder.Add("b", 0x30);
  builder.Add("a", 0x10);
  builder.Add("a", 0x20);
  const Kallsyms built = std::move(builder).Build();
  for (const Kallsyms* symbols : {&parsed, &built}) {
    EXPECT_EQ(symbols->size(), 2u);
    EXPECT_EQ(symbols->Find("a"), 0x10u);
    EXPECT_EQ(symbols->Find("b"), 0x30u);
    EXPECT_EQ(symbols->Find("ab"), std::nullopt);
    EXPECT_EQ(symbols->NextAfter(0x10), 0x20u);
  }
}

TEST(Scan, ParsesCpuLists) {
  EXPECT_THAT(*ParseCpuList("0-3,8\n"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(*ParseCpuList("5"), ElementsAre(5));
  EXPECT_THAT(*ParseCpuList(""), ElementsAre());
  for (const char* text : {"3-1", "a", "1-", "-1", "1,,2", "0-4294967295", "4294967296"}) {
    EXPECT_EQ(ParseCpuList(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseCpuList("0-3", 3), std::nullopt);
  EXPECT_TRUE(ParseCpuList("0-2", 3).has_value());
}

TEST(Kallsyms, FindsSymbolsAndTheirNeighbours) {
  const Kallsyms symbols = Kallsyms::Parse(
      "ffffffff81000000 T _text\n"
      "ffffffff81000000 T _stext\n"
      "0000000000000000 A fixed_percpu_data\n"
      "0000000000031c40 A runqueues\n"
      "ffffffff82000000 D linux_banner\n"
      "ffffffffc0000000 d first\t[virtio]\n");
  EXPECT_EQ(symbols.Find("_stext"), 0xffffffff81000000u);
  EXPECT_EQ(symbols.Find("fixed_percpu_data"), 0u);
  EXPECT_EQ(symbols.Find("first"), 0xffffffffc0000000u);
  EXPECT_EQ(symbols.Find("nothing"), std::nullopt);
  EXPECT_EQ(symbols.NextAfter(0xffffffff81000000), 0xffffffff82000000u);
  EXPECT_EQ(symbols.NextAfter(0), 0x31c40u);
  EXPECT_EQ(symbols.NextAfter(0xffffffffc0000000), std::nullopt);
  EXPECT_FALSE(symbols.restricted());
}

TEST(Kallsyms, PrefersTheFirstOfTwo) {
  const Kallsyms symbols = Kallsyms::Parse("1000 d prb\n2000 d prb\t[module]\n");
  EXPECT_EQ(symbols.Find("prb"), 0x1000u);
}

TEST(Kallsyms, SkipsWhatIsNoSymbol) {
  const Kallsyms symbols =
      Kallsyms::Parse("\nx\n1000\n1000 T\nzzzz T name\n1000 TT name\n2000 T ok");
  EXPECT_EQ(symbols.Find("name"), std::nullopt);
  EXPECT_EQ(symbols.Find("ok"), 0x2000u);
}

TEST(Kallsyms, WithHiddenAddressesAreRestricted) {
  const Kallsyms symbols = Kallsyms::Parse("0000000000000000 T _text\n0000000000000000 D prb\n");
  EXPECT_TRUE(symbols.restricted());
  EXPECT_EQ(symbols.Find("prb"), std::nullopt);
  EXPECT_FALSE(Kallsyms::Parse("").restricted());
}

TEST(Kallsyms, SurviveBeingCopied) {
  Kallsyms copy;
  {
    const Kallsyms symbols =
        Kallsyms::Parse("1000 d a_name_that_is_longer_than_any_small_string\n");
    copy = symbols;
  }
  EXPECT_EQ(copy.Find("a_name_that_is_longer_than_any_small_string"), 0x1000u);
}

TEST(Iomem, KeepsNestedRanges) {
  const auto ranges = ParseIomem(
      "00001000-0009fbff : System RAM\n"
      "00100000-3ffdefff : System RAM\n"
      "  27200000-28001d31 : Kernel code\n"
      "fe000000-fe00ffff : 0000:00:03.0\n");
  ASSERT_EQ(ranges.size(), 4u);
  EXPECT_EQ(ranges[0].start, 0x1000u);
  EXPECT_EQ(ranges[0].end, 0x9fc00u);
  EXPECT_EQ(ranges[2].name, "Kernel code");
  EXPECT_EQ(ranges[3].name, "0000:00:03.0");
}

TEST(Iomem, SkipsHiddenAndBrokenLines) {
  EXPECT_TRUE(ParseIomem("00000000-00000000 : System RAM\nx-y : z\n2-1 : a\n1-2\n : -\n"
                         "0-ffffffffffffffff : all\n")
                  .empty());
}

TEST(Vmcoreinfo, AnswersByKind) {
  const Vmcoreinfo info = Vmcoreinfo::Parse(
      "OSRELEASE=6.1.0\nnonsense\nSYMBOL(prb)=ffffffff9e8643e0\nSIZE(prb_desc)=24\n"
      "OFFSET(prb_desc_ring.descs)=8\nNUMBER(phys_base)=-186646528\nKERNELOFFSET=1be00000\n"
      "SIZE(prb_desc)=99\n");
  EXPECT_EQ(info.Symbol("prb"), 0xffffffff9e8643e0u);
  EXPECT_EQ(info.Size("prb_desc"), 24u);
  EXPECT_EQ(info.Offset("prb_desc_ring.descs"), 8u);
  EXPECT_EQ(info.Number("phys_base"), -186646528);
  EXPECT_EQ(info.Hex("KERNELOFFSET"), 0x1be00000u);
  EXPECT_EQ(info.Symbol("prb_desc"), std::nullopt);
}

TEST(Vmcoreinfo, EndsAtTheFirstZero) {
  const Vmcoreinfo info = Vmcoreinfo::Parse(std::string_view("A=1\n\0KERNELOFFSET=1\n", 20));
  EXPECT_FALSE(info.empty());
  EXPECT_EQ(info.Hex("KERNELOFFSET"), std::nullopt);
}

}  // namespace
}  // namespace marrow::profile
