// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/vcpu_dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm_backend/elfcore/core_writer.h"
#include "vmm_backend/elfcore/prstatus.h"

namespace marrow {
namespace {

using testing::SizeIs;

// As QEMU 7.2 prints vCPU 0 in long mode and vCPU 1 in protected mode.
constexpr char kRegisters[] =
    "\r\n"
    "CPU#0\r\n"
    "RAX=0000000000000001 RBX=ffffffff82a10000 RCX=0000000000000003 RDX=0000000000000004\r\n"
    "RSI=0000000000000005 RDI=0000000000000006 RBP=0000000000000007 RSP=ffffffff82a03eb8\r\n"
    "R8 =0000000000000009 R9 =000000000000000a R10=000000000000000b R11=000000000000000c\r\n"
    "R12=000000000000000d R13=000000000000000e R14=000000000000000f R15=0000000000000010\r\n"
    "RIP=ffffffff81a5e43b RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n"
    "ES =0000 0000000000000000 ffffffff 00c00000\r\n"
    "CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\r\n"
    "SS =0018 0000000000000000 ffffffff 00cf9300 DPL=0 DS   [-WA]\r\n"
    "FS =0000 00007f1234567000 ffffffff 00c00000\r\n"
    "GS =0000 ffff88803ec00000 ffffffff 00c00000\r\n"
    "CR0=80050033 CR2=00007ffd0a2fc000 CR3=000000000aa0e006 CR4=000016f0\r\n"
    "\r\n"
    "CPU#1\r\n"
    "EAX=000f49f6 EBX=00000000 ECX=000002ff EDX=00000001\r\n"
    "ESI=00000000 EDI=00000000 EBP=00000000 ESP=00006c5c\r\n"
    "EIP=000fd09a EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n";

TEST(InfoRegisters, AreReadInBothModes) {
  const auto vcpus = ParseInfoRegisters(kRegisters);
  ASSERT_TRUE(vcpus.ok()) << vcpus.status();
  ASSERT_THAT(*vcpus, SizeIs(2));
  const X86Registers& r = (*vcpus)[0].registers;
  EXPECT_EQ(r.rax, 1u);
  EXPECT_EQ(r.r8, 9u);
  EXPECT_EQ(r.r15, 16u);
  EXPECT_EQ(r.rsp, 0xffffffff82a03eb8u);
  EXPECT_EQ(r.rip, 0xffffffff81a5e43bu);
  EXPECT_EQ(r.rflags, 0x246u);
  EXPECT_EQ(r.cs, 0x10u);
  EXPECT_EQ(r.fs_base, 0x7f1234567000u);
  EXPECT_EQ(r.gs_base, 0xffff88803ec00000u);
  EXPECT_EQ((*vcpus)[0].cr3, 0xaa0e006u);
  EXPECT_EQ((*vcpus)[0].page_table_levels, 5);
  EXPECT_EQ((*vcpus)[1].page_table_levels, 4);
  EXPECT_EQ((*vcpus)[1].registers.rip, 0xfd09au);
  EXPECT_EQ((*vcpus)[1].registers.rsp, 0x6c5cu);
}

TEST(InfoRegisters, RefusesTextWithoutThem) {
  for (const char* text :
       {"", "CPU#0\n", "CPU#0\nRIP=12\n", "RIP=1 RSP=2\n", "CPU#0\nRIP= RSP=zz\n"}) {
    EXPECT_EQ(ParseInfoRegisters(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

std::string CoreWithNotes(std::vector<CoreNote> notes) {
  const auto layout = LayOutCore({.notes = std::move(notes)});
  StringSink sink;
  EXPECT_TRUE(WriteCore(
                  *layout, [](std::size_t) { return Bytes(); }, sink)
                  .ok());
  return sink.text;
}

std::string QemuNote(std::uint64_t cr3, std::uint64_t cr4 = 0) {
  std::string note(440, '\0');
  const auto bytes = std::as_writable_bytes(std::span(note));
  StoreAt(bytes, 0, std::uint32_t{1});
  StoreAt(bytes, 4, std::uint32_t{440});
  StoreAt(bytes, 416, cr3);
  StoreAt(bytes, 424, cr4);
  return note;
}

TEST(VcpuDump, PairsTheNotesOfEachVcpu) {
  X86Registers first, second;
  first.rip = 1;
  second.rip = 2;
  const std::string core = CoreWithNotes({EncodePrstatus(0, first),
                                          EncodePrstatus(1, second),
                                          {"QEMU", 0, QemuNote(0x1000)},
                                          {"QEMU", 0, QemuNote(0x2000, 1 << 12)}});
  const auto stopped = ParseVcpuDump(SpanSource(AsBytes(core)));
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  ASSERT_THAT(stopped->vcpus, SizeIs(2));
  EXPECT_EQ(stopped->vcpus[1].registers.rip, 2u);
  EXPECT_EQ(stopped->vcpus[1].cr3, 0x2000u);
  EXPECT_EQ(stopped->vcpus[0].page_table_levels, 4);
  EXPECT_EQ(stopped->vcpus[1].page_table_levels, 5);
  EXPECT_EQ(stopped->vcpus[0].qemu_note, QemuNote(0x1000));
  EXPECT_EQ(stopped->vmcoreinfo, "");
}

TEST(VcpuDump, BringsVmcoreinfoWhereTheVmHasTheDevice) {
  const std::string core =
      CoreWithNotes({EncodePrstatus(0, {}), {"VMCOREINFO", 0, "OSRELEASE=6.1.0\n"}});
  const auto stopped = ParseVcpuDump(SpanSource(AsBytes(core)));
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->vmcoreinfo, "OSRELEASE=6.1.0\n");
}

TEST(VcpuDump, RefusesCoresWithoutRegisters) {
  EXPECT_FALSE(ParseVcpuDump(SpanSource({})).ok());
  const std::string none = CoreWithNotes({{"QEMU", 0, QemuNote(1)}});
  EXPECT_FALSE(ParseVcpuDump(SpanSource(AsBytes(none))).ok());
  const std::string other = CoreWithNotes({{"CORE", 1, "short"}});
  EXPECT_FALSE(ParseVcpuDump(SpanSource(AsBytes(other))).ok());
}

}  // namespace
}  // namespace marrow
