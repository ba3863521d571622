// SPDX-License-Identifier: Apache-2.0
// The way of a capture whose guest published no table.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "guest/profile/profile.h"
#include "vmm_backend/capture/guest_memory.h"
#include "vmm_backend/derive/derive.h"

namespace marrow {

struct DerivationInput {
  const GuestMemory& memory;
  const std::vector<VcpuState>& vcpus;
  const std::string& vmcoreinfo;              // as the VMM tells it, or ""
  const profile::Profile* profile = nullptr;  // nullptr: the shipped "crash"
  TableLimits limits;
  std::function<absl::Duration()> clock = {};  // monotonic; empty: the time has no limit
};

// FailedPrecondition, saying what the VM lacks, if no table can be had.
absl::StatusOr<DerivedTable> DeriveWithoutAgent(const DerivationInput& input);

// What a derived table means for the dump, as parts of its manifest: no more than 512 bytes of each
// line.
void AddDerivationLosses(const DerivedTable& derived, std::vector<MissingPart>& missing);

}  // namespace marrow
