// SPDX-License-Identifier: Apache-2.0
// x86-64 register notes of a core: NT_PRSTATUS (struct elf_prstatus of linux/elfcore.h) and QEMU's
// CPU note (struct QEMUCPUState of QEMU's target/i386/arch_dump.c), which adds the control
// registers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {

inline constexpr std::uint32_t kNtPrstatus = 1;
inline constexpr std::uint32_t kQemuCpuNote = 0;
inline constexpr absl::string_view kCoreNoteName = "CORE";
inline constexpr absl::string_view kQemuNoteName = "QEMU";

// struct user_regs_struct of asm/user_64.h, in its order.
struct X86Registers {
  std::uint64_t r15 = 0, r14 = 0, r13 = 0, r12 = 0, rbp = 0, rbx = 0, r11 = 0, r10 = 0, r9 = 0;
  std::uint64_t r8 = 0, rax = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0;
  std::uint64_t orig_rax = ~std::uint64_t{0};  // -1: not in a system call that could restart
  std::uint64_t rip = 0, cs = 0, rflags = 0, rsp = 0, ss = 0, fs_base = 0, gs_base = 0;
  std::uint64_t ds = 0, es = 0, fs = 0, gs = 0;
};
static_assert(sizeof(X86Registers) == 27 * 8);

// The NT_PRSTATUS note of vCPU `index`. pr_pid is index + 1, as QEMU writes it: crash and drgn take
// the order of the notes for the order of the CPUs.
CoreNote EncodePrstatus(std::uint32_t index, const X86Registers& registers);

// Nothing unless the descriptor has the size of an x86-64 elf_prstatus.
std::optional<X86Registers> DecodePrstatus(absl::string_view descriptor);

// What says in a QEMU CPU note how addresses are translated.
struct PagingRegisters {
  std::uint64_t cr3 = 0;
  std::uint64_t cr4 = 0;

  int levels() const { return (cr4 >> 12 & 1) != 0 ? 5 : 4; }  // LA57: Intel SDM volume 3A, 2.5
};

// Nothing unless the note is of version 1.
std::optional<PagingRegisters> PagingFromQemuNote(absl::string_view descriptor);

}  // namespace marrow
