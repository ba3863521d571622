// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/flat_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace marrow {
namespace {

using testing::ElementsAre;

// As QEMU 7.2 prints a q35 machine of 4 GiB.
constexpr char kView[] =
    "FlatView #3\n"
    " AS \"I/O\", root: io\n"
    "  0000000000000000-0000000000000fff (prio 0, ram): not-this-one\n"
    "\n"
    "FlatView #4\n"
    " AS \"memory\", root: system\n"
    " AS \"cpu-memory-0\", root: system\n"
    " Root memory region: system\n"
    "  0000000000000000-000000000009ffff (prio 0, ram): ram0\n"
    "  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem\n"
    "  00000000000c0000-00000000000cafff (prio 0, rom): ram0 @00000000000c0000\n"
    "  0000000000100000-000000007fffffff (prio 0, ram): ram0 @0000000000100000\n"
    "  00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram\n"
    "  00000000fe000000-00000000fe00ffff (prio 1, ram): window\n"
    "  00000000febd0000-00000000febd004f (prio 0, i/o): msix-table\n"
    "  0000000100000000-000000017fffffff (prio 0, ram): ram0 @0000000080000000 KVM\n"
    "\n"
    "FlatView #5\n"
    " AS \"KVM-SMRAM\", root: mem-smram\n"
    "  0000000200000000-000000020000ffff (prio 0, ram): smram\n";

TEST(FlatView, FindsTheMainMemoryOnly) {
  const auto ranges = ParseFlatView(kView);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  EXPECT_THAT(*ranges, ElementsAre(GpaRange{Gpa{0}, 0xa0000}, GpaRange{Gpa{0x100000}, 0x7ff00000},
                                   GpaRange{Gpa{1ull << 32}, 0x80000000}));
}

TEST(FlatView, RefusesTextWithoutMemory) {
  for (const char* text :
       {"", "unknown command: 'info mtree -f'\r\n", " AS \"memory\", root: system\n"}) {
    EXPECT_EQ(ParseFlatView(text).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(FlatView, SkipsRangesThatCannotBe) {
  const std::string head = " AS \"memory\", root: system\n";
  for (const char* line :
       {"2000-1000 (prio 0, ram): x", "0-ffffffffffffffff (prio 0, ram): x",
        "0-7ff (prio 0, ram): x", "z-1fff (prio 0, ram): x", "0000 (prio 0, ram): x",
        "10000000000000000-1ffffffffffffffff (prio 0, ram): x"}) {
    EXPECT_FALSE(ParseFlatView(head + line).ok()) << line;
  }
}

TEST(Gpa2Hva, ReadsTheAddress) {
  EXPECT_EQ(*ParseGpa2Hva("Host virtual address for 0x100000000 (ram0) is 0x7f57b3fff000\r\n"),
            0x7f57b3fff000u);
  for (const char* text : {"", "No memory is mapped at address 0xe0000000\r\n",
                           "Host virtual address for 0x0 (x) is 0xzz", "is 0x12"}) {
    EXPECT_FALSE(ParseGpa2Hva(text).ok()) << text;
  }
}

}  // namespace
}  // namespace marrow
