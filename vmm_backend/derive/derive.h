// SPDX-License-Identifier: Apache-2.0
// A region table for a guest that published none: out of VMCOREINFO, and the symbols and types that
// the kernel keeps in its own memory. Pure. All of it may be forged by the guest; work and memory
// are bounded by the limits.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "guest/profile/profile.h"
#include "vmm_backend/core/plan.h"
#include "vmm_backend/core/ram_map.h"
#include "vmm_backend/core/window.h"
#include "vmm_backend/derive/kernel_space.h"
#include "vmm_backend/derive/kernel_symbols.h"
#include "vmm_backend/derive/vmcoreinfo_scan.h"

namespace marrow {

struct DeriveLimits {
  SymbolLimits symbols;
  std::uint64_t btf_bytes = std::uint64_t{16} << 20;
  // The VM is paused all the while. Debian 12 takes 30 ms of it.
  absl::Duration time = absl::Milliseconds(500);
  ScanLimits scan;
  TableLimits table;
};

struct DeriveInput {
  ReadPhysical read;
  const RamMap* ram = nullptr;
  std::string vmcoreinfo;  // as the VMM knows it; if it is "" or does not fit, RAM is searched
  const std::vector<VcpuState>* vcpus = nullptr;
  const profile::Profile* profile = nullptr;
  DeriveLimits limits;
  std::function<absl::Duration()> clock = {};  // monotonic; empty: the time has no limit
};

struct DerivedTable {
  RegionTable table;
  std::string vmcoreinfo;  // the text that fits
  // "VMCOREINFO, 130000 symbols, 4500 KiB of types"
  std::string made_of;
  // One sentence each: what the kernel does not tell and what the dump lacks for it.
  std::vector<std::string> lost;
  // Lines of the profile that gave nothing, and why.
  std::vector<std::string> missing_lines;
};

// FailedPrecondition if there is no VMCOREINFO, or none that fits the guest's memory. Else what can
// be had: without the kernel's symbols the regions that VMCOREINFO names, without its types no
// graph. Once the time is over, guest memory reads as if it were not there, and there is no graph.
absl::StatusOr<DerivedTable> DeriveTable(const DeriveInput& input);

}  // namespace marrow
