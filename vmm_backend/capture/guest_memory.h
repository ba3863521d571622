// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/core/ram_map.h"

namespace marrow {

// A guest's RAM. Reading never allocates what the guest has not touched and never disturbs the
// guest. Thread-safe.
class GuestMemory {
 public:
  virtual ~GuestMemory() = default;
  virtual const RamMap& ram() const = 0;
  // All or nothing. OutOfRange if [gpa, gpa + out.size()) is not RAM; Unavailable if the memory is
  // gone with its VMM.
  virtual absl::Status Read(Gpa gpa, MutableBytes out) const = 0;
};

}  // namespace marrow
