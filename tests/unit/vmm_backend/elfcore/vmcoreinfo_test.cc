// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/elfcore/vmcoreinfo.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

constexpr absl::string_view kText =
    "OSRELEASE=6.1.0-1-amd64\n"
    "BUILD-ID=00ff\n"
    "SYMBOL(prb)=ffffffff82a4c1a0\n"
    "OFFSET(list_head.next)=8\n"
    "SIZE(printk_info)=88\n"
    "NUMBER(phys_base)=-4096\n"
    "KERNELOFFSET=1a000000\n";

TEST(Vmcoreinfo, FindsEveryKindOfEntry) {
  const Vmcoreinfo info = Vmcoreinfo::Parse(kText);
  EXPECT_EQ(info.release(), "6.1.0-1-amd64");
  EXPECT_EQ(info.build_id(), "00ff");
  EXPECT_EQ(info.Symbol("prb"), 0xffffffff82a4c1a0u);
  EXPECT_EQ(info.Offset("list_head.next"), 8u);
  EXPECT_EQ(info.SizeOf("printk_info"), 88u);
  EXPECT_EQ(info.Number("phys_base"), -4096);
  EXPECT_EQ(info.Hex("KERNELOFFSET"), 0x1a000000u);
}

TEST(Vmcoreinfo, SaysNothingOfWhatIsAbsentOrNoNumber) {
  const Vmcoreinfo info = Vmcoreinfo::Parse("SIZE(a)=x\nSIZE(b)=-1\nSYMBOL(c)=\nno equals sign\n");
  EXPECT_EQ(info.SizeOf("a"), std::nullopt);
  EXPECT_EQ(info.SizeOf("b"), std::nullopt);
  EXPECT_EQ(info.Symbol("c"), std::nullopt);
  EXPECT_EQ(info.Symbol("d"), std::nullopt);
  EXPECT_EQ(info.release(), "");
}

TEST(Vmcoreinfo, KeepsTheFirstOfRepeatedKeys) {
  EXPECT_EQ(*Vmcoreinfo::Parse("A=1\nA=2\n").Find("A"), "1");
}

TEST(Vmcoreinfo, UnwrapsANote) {
  std::string note("\x0b\0\0\0\x0c\0\0\0\0\0\0\0VMCOREINFO\0\0", 24);
  note += "OSRELEASE=6\nBUILD-ID=1\n";
  EXPECT_EQ(Vmcoreinfo::ParseNoteOrText(AsBytes(note)).text(), "OSRELEASE=6\n");
}

TEST(Vmcoreinfo, TakesBareTextUpToTheFirstZero) {
  EXPECT_EQ(Vmcoreinfo::ParseNoteOrText(AsBytes(absl::string_view("A=1\n\0B=2\n", 9))).text(),
            "A=1\n");
  EXPECT_TRUE(Vmcoreinfo::ParseNoteOrText({}).empty());
}

}  // namespace
}  // namespace marrow
