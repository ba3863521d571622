// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm_backend/core/plan.h"

namespace marrow {

// What a VMM tells of a VM that stands still.
struct StoppedVm {
  std::vector<VcpuState> vcpus = {};  // by index
  std::string vmcoreinfo = {};  // the guest kernel's VMCOREINFO text; "" where the VMM has none
};

// A running VMM, seen from outside. Not thread-safe. Each call returns within a few seconds, with
// DeadlineExceeded if the VMM does not answer and Unavailable if it is gone.
class VmControl {
 public:
  virtual ~VmControl() = default;
  // Returns when every vCPU stands still. True if it was this call that stopped them: then, and
  // only then, Resume gives the guest back what it had. False if the VM stopped by itself before, a
  // panic say. On failure the VM is not left stopped by us, as far as that can be had.
  virtual absl::StatusOr<bool> Pause() = 0;
  virtual absl::Status Resume() = 0;
  // As a reset button: the guest boots again and runs.
  virtual absl::Status Reset() = 0;
  // Ends the VMM.
  virtual absl::Status Destroy() = 0;
  // Registers of all vCPUs, and what comes with them. The VM must be paused.
  virtual absl::StatusOr<StoppedVm> ReadStopped() = 0;
  // Registers of all vCPUs, by index, one by one while the guest runs: each is coherent, all
  // together are not.
  virtual absl::StatusOr<std::vector<VcpuState>> ReadRunningVcpus() = 0;
};

}  // namespace marrow
