// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm_backend/core/plan.h"

namespace marrow {

// A running VMM, seen from outside. Not thread-safe. Each call returns within a few seconds, with
// DeadlineExceeded if the VMM does not answer and Unavailable if it is gone.
class VmControl {
 public:
  virtual ~VmControl() = default;
  virtual absl::StatusOr<bool> IsRunning() = 0;
  // Returns when every vCPU stands still. Fine if they already do.
  virtual absl::Status Pause() = 0;
  virtual absl::Status Resume() = 0;
  // As a reset button: the guest boots again and runs.
  virtual absl::Status Reset() = 0;
  // Ends the VMM.
  virtual absl::Status Destroy() = 0;
  // Registers of all vCPUs, by index. The VM must be paused.
  virtual absl::StatusOr<std::vector<VcpuState>> ReadVcpus() = 0;
  // As ReadVcpus, one by one while the guest runs: each is coherent, all together are not.
  virtual absl::StatusOr<std::vector<VcpuState>> ReadRunningVcpus() = 0;
};

}  // namespace marrow
