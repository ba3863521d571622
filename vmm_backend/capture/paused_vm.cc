// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/paused_vm.h"

#include <utility>

namespace marrow {
absl::Status ApplyPolicy(VmControl& control, AfterCapture after, bool resume) {
  switch (after) {
    case AfterCapture::kLeave:
      return resume ? control.Resume() : absl::OkStatus();
    case AfterCapture::kResume:
      return control.Resume();
    case AfterCapture::kReset:
      return control.Reset();
    case AfterCapture::kDestroy:
      return control.Destroy();
  }
  return absl::InternalError("unknown AfterCapture");
}

absl::StatusOr<PausedVm> PausedVm::Enter(VmControl& control) {
  const absl::StatusOr<bool> stopped = control.Pause();
  if (!stopped.ok()) return stopped.status();
  return PausedVm(control, *stopped);
}

PausedVm::PausedVm(PausedVm&& other) noexcept
    : control_(std::exchange(other.control_, nullptr)), was_running_(other.was_running_) {}

PausedVm::~PausedVm() {
  // A destructor has nobody to tell; the VMM's own state shows a VM that could not be resumed.
  if (control_ != nullptr && was_running_) (void)control_->Resume();
}

absl::Status PausedVm::Release(AfterCapture after) {
  VmControl* control = std::exchange(control_, nullptr);
  absl::Status status = ApplyPolicy(*control, after, was_running_);
  if (!status.ok() && was_running_) (void)control->Resume();  // `status` is the error to report
  return status;
}

}  // namespace marrow
