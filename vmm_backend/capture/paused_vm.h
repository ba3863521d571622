// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm_backend/capture/vm_control.h"

namespace marrow {

// What happens to a VM once its memory is copied.
enum class AfterCapture {
  kLeave,  // paused, for inspection
  kResume,
  kReset,
  kDestroy,
};

// Does to a VM that stands still what the policy says; `resume`: it ran until we stopped it.
absl::Status ApplyPolicy(VmControl& control, AfterCapture after, bool resume);

// Holds a VM still. Whatever happens, the destructor gives a VM that ran before back to its guest.
class PausedVm {
 public:
  static absl::StatusOr<PausedVm> Enter(VmControl& control);
  PausedVm(PausedVm&& other) noexcept;
  PausedVm& operator=(PausedVm&&) = delete;
  ~PausedVm();

  // Ends the hold. On failure the VM is resumed if it ran before, as the destructor does.
  absl::Status Release(AfterCapture after);

 private:
  PausedVm(VmControl& control, bool was_running) : control_(&control), was_running_(was_running) {}

  VmControl* control_;  // nullptr: released or moved from
  bool was_running_;
};

}  // namespace marrow
