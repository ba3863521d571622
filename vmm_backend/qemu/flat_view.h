// SPDX-License-Identifier: Apache-2.0
// PURE: what QEMU's monitor prints about guest memory.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/core/ram_map.h"

namespace marrow {

// The main memory in the output of `info mtree -f`: lines such as
// "0000000000100000-000000003fffffff (prio 0, ram): ram0 @0000000000100000" of the view that the
// address space "memory" has. ROM, MMIO and what PCI BARs show (mapped with priority 1: video
// memory, our own window) are left out. Format of QEMU 4.0 to 9 (mtree_print_flatview).
// InvalidArgument if the text has no such view.
absl::StatusOr<std::vector<GpaRange>> ParseFlatView(absl::string_view text);

// The address in "Host virtual address for 0x... (name) is 0x..." of `gpa2hva`.
absl::StatusOr<std::uint64_t> ParseGpa2Hva(absl::string_view text);

}  // namespace marrow
