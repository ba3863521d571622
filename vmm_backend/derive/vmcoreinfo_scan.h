// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "vmm_backend/core/ram_map.h"
#include "vmm_backend/derive/kernel_space.h"

namespace marrow {

struct ScanLimits {
  std::uint64_t pages = 262144;  // whose first bytes are read: the lowest GiB of RAM
  std::size_t texts = 8;
};

// Texts that may be the guest's VMCOREINFO, for VMs whose VMM does not know it: of pages that begin
// as the kernel's note or as its text does (kernel/crash_core.c allots a page to each). None twice.
// An earlier boot's may be among them: FindKernelSpace tells which one fits.
std::vector<std::string> FindVmcoreinfo(const ReadPhysical& read, const RamMap& ram,
                                        const ScanLimits& limits = {});

}  // namespace marrow
