// SPDX-License-Identifier: Apache-2.0
// Facts of the ELF64 format that reader and writer share (gABI chapters 4 and 5, and <elf.h>).
#pragma once

#include <elf.h>

#include <cstdint>

namespace marrow {

// Program headers of this count and more are counted in sh_info of section 0 instead of e_phnum.
inline constexpr std::uint64_t kPnXnum = PN_XNUM;

// Name, descriptor and header of a note are each padded to this. Linux and its debuggers use 4 in
// 64-bit cores too, whatever the gABI says.
inline constexpr std::uint64_t kNoteAlign = 4;

constexpr std::uint64_t AlignUp(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

}  // namespace marrow
