// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "vmm_backend/core/ram_map.h"
#include "vmm_backend/derive/kernel_space.h"

namespace marrow {

struct ScanLimits {
  std::uint64_t pages = 262144;  // whose first bytes are read: the lowest GiB of RAM
  std::size_t texts = 32;        // pages among them that are taken for one
};

// Looks for VMs whose VMM does not know it for the guest's VMCOREINFO: in pages that begin as the
// kernel's note or as its text does (kernel/crash_core.c allots a page to each). The first text
// that `fits`, for an earlier boot's may lie about too; no text is asked about twice in a row.
std::optional<std::string> FindVmcoreinfo(const ReadPhysical& read, const RamMap& ram,
                                          const std::function<bool(const std::string&)>& fits,
                                          const ScanLimits& limits = {});

}  // namespace marrow
