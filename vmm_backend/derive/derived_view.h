// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "guest/profile/kernel_view.h"
#include "vmm_backend/core/ram_map.h"
#include "vmm_backend/derive/kernel_space.h"
#include "vmm_backend/derive/kernel_symbols.h"

namespace marrow {

// The kernel as the profile compiler wants it. What cannot be had is left empty and told in `lost`.
// `space` must outlive the view.
profile::KernelView MakeView(const KernelSpace& space, absl::string_view vmcoreinfo,
                             const RamMap& ram, const SymbolLimits& limits,
                             std::vector<std::string>& lost);

}  // namespace marrow
