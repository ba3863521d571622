// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "guest/profile/kallsyms.h"
#include "guest/profile/kernel_view.h"
#include "guest/profile/vmcoreinfo.h"

namespace marrow {

struct SymbolLimits {
  std::uint64_t symbols = 1'000'000;
  std::uint64_t names_bytes = std::uint64_t{64} << 20;     // of all names, expanded
  std::uint64_t searched_bytes = std::uint64_t{48} << 20;  // of the image, see symbol_search.h
  std::function<bool()> expired = {};  // whether the time is over; empty: it never is
};

// The kernel's own symbol table out of its memory (scripts/kallsyms.c writes it, kernel/kallsyms.c
// reads it), found by VMCOREINFO (since 6.0). Modules' symbols are not in it. Bounded by the
// limits, whatever the memory holds. The error says what does not fit.
absl::StatusOr<profile::Kallsyms> ReadKernelSymbols(const profile::KernelMemory& memory,
                                                    const profile::Vmcoreinfo& vmcoreinfo,
                                                    const SymbolLimits& limits);

}  // namespace marrow
