// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "guest/profile/kernel_view.h"
#include "guest/profile/vmcoreinfo.h"

namespace marrow {

// Where the parts of a kernel's compressed symbol table are; all gva.
struct SymbolTables {
  std::uint64_t names = 0;
  std::uint64_t count = 0;
  std::uint64_t token_table = 0;
  std::uint64_t token_index = 0;
  std::optional<std::uint64_t> addresses = {};  // kallsyms_addresses, or else
  std::optional<std::uint64_t> offsets = {};    // kallsyms_offsets
  std::optional<std::uint64_t> base = {};       // kallsyms_relative_base
};

// As VMCOREINFO names them, since Linux 6.0.
std::optional<SymbolTables> NamedSymbolTables(const profile::Vmcoreinfo& vmcoreinfo);

// For kernels before that: searches so many bytes from _stext on for the token table, which is like
// nothing else, and before it for what scripts/kallsyms.c of 4.20 to 6.3 writes there. Gives up
// once `expired` says so.
std::optional<SymbolTables> SearchSymbolTables(const profile::KernelMemory& memory,
                                               const profile::Vmcoreinfo& vmcoreinfo,
                                               std::uint64_t searched_bytes,
                                               const std::function<bool()>& expired = {});

}  // namespace marrow
