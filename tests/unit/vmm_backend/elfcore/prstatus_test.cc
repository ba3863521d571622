// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/elfcore/prstatus.h"

#include <gtest/gtest.h>
#include <sys/procfs.h>

#include "vmm_backend/base/bytes.h"

namespace marrow {
namespace {

// The C library's own declaration is the third party here.
TEST(Prstatus, HasTheLayoutOfTheSystemHeader) {
  X86Registers registers;
  registers.rip = 0x1111;
  registers.rsp = 0x2222;
  registers.r15 = 0x3333;
  registers.gs = 0x4444;
  const CoreNote note = EncodePrstatus(2, registers);
  ASSERT_EQ(note.descriptor.size(), sizeof(elf_prstatus));
  const auto status = LoadAt<elf_prstatus>(AsBytes(note.descriptor), 0);
  EXPECT_EQ(status.pr_pid, 3);
  EXPECT_EQ(status.pr_reg[16], 0x1111u);
  EXPECT_EQ(status.pr_reg[19], 0x2222u);
  EXPECT_EQ(status.pr_reg[0], 0x3333u);
  EXPECT_EQ(status.pr_reg[26], 0x4444u);
}

TEST(Prstatus, DecodesWhatItEncodes) {
  X86Registers registers;
  registers.rax = 5;
  EXPECT_EQ(DecodePrstatus(EncodePrstatus(0, registers).descriptor)->rax, 5u);
  EXPECT_FALSE(DecodePrstatus("").has_value());
  EXPECT_FALSE(DecodePrstatus(std::string(335, '\0')).has_value());
}

TEST(QemuCpuNote, GivesThePagingRegisters) {
  std::string note(440, '\0');
  const auto bytes = std::as_writable_bytes(std::span(note));
  StoreAt(bytes, 0, std::uint32_t{1});
  StoreAt(bytes, 4, std::uint32_t{440});
  StoreAt(bytes, 416, std::uint64_t{0x1aa000});
  EXPECT_EQ(PagingFromQemuNote(note)->cr3, 0x1aa000u);
  EXPECT_EQ(PagingFromQemuNote(note)->levels(), 4);
  StoreAt(bytes, 424, std::uint64_t{1} << 12);
  EXPECT_EQ(PagingFromQemuNote(note)->levels(), 5);
  EXPECT_FALSE(PagingFromQemuNote(absl::string_view(note).substr(0, 431)).has_value());
  StoreAt(bytes, 0, std::uint32_t{2});
  EXPECT_FALSE(PagingFromQemuNote(note).has_value());
}

}  // namespace
}  // namespace marrow
