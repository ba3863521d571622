// SPDX-License-Identifier: Apache-2.0
// Which pages a capture reads, decided before any of them is read.
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "guest/graph/walk.h"
#include "vmm_backend/base/page_source.h"
#include "vmm_backend/core/ram_map.h"
#include "vmm_backend/core/window.h"
#include "vmm_backend/elfcore/core_writer.h"
#include "vmm_backend/elfcore/prstatus.h"

namespace marrow {

struct VcpuState {
  X86Registers registers;
  std::uint64_t cr3 = 0;      // 0: not known
  int page_table_levels = 4;  // 5 with CR4.LA57
  std::string qemu_note;      // descriptor of QEMU's CPU note, or empty
};

struct CaptureLimits {
  std::uint64_t region_bytes = std::uint64_t{64} << 20;    // of one region
  std::uint64_t capture_bytes = std::uint64_t{256} << 20;  // of all pages, page tables included
  std::uint64_t missing = 256;  // described one by one; further ones are counted
  // Of the walk through the guest's graph.
  std::uint64_t walk_objects = 4'000'000;
  absl::Duration walk_time = absl::Milliseconds(200);
};

// Classes of region that host policy leaves out, by marrow_region_class.
using ClassSet = std::bitset<8>;

// Something that should be in the dump and is not.
struct MissingPart {
  std::string what = {};
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;  // 0: not a range
  std::string why = {};
};

// A region and the pages that hold it, in address order.
struct PlannedRegion {
  RegionEntry region;
  std::vector<Gpa> pages = {};
};

struct CapturePlan {
  std::vector<Gpa> pages = {};       // sorted, unique, all RAM
  std::vector<Gpa> zero_pages = {};  // sorted, unique, all RAM, none of `pages`: read as zeros
  std::vector<VirtualAlias> aliases = {};
  std::vector<PlannedRegion> regions = {};
  std::vector<graph::RootReport> graph_roots = {};  // in the graph's order, names sanitised
  std::vector<MissingPart> missing = {};
  std::uint64_t missing_not_listed = 0;  // beyond limits.missing
};

struct PlanInput {
  const RegionTable* table = nullptr;  // nullptr: the guest never published one
  const std::vector<VcpuState>* vcpus = nullptr;
  const RamMap* ram = nullptr;
  PageSource* memory = nullptr;
  ClassSet excluded;
  CaptureLimits limits;
  std::function<absl::Duration()> clock = {};  // monotonic; empty: walk_time does not count
};

// Work and memory are bounded by the limits, whatever the table says: the log first, then the other
// regions in table order, then the kernel stack that each vCPU stands on, then what the graph leads
// to, by priority. Never fails: what cannot be planned is listed as missing.
CapturePlan PlanCapture(const PlanInput& input);

}  // namespace marrow
