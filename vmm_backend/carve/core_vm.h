// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm_backend/capture/guest_memory.h"
#include "vmm_backend/capture/vm_control.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {

// The memory that a core file holds, as a guest's RAM. Where a core shows a page twice, under
// aliases, it counts once. Thread-safe if the core's source is.
class CoreMemory final : public GuestMemory {
 public:
  // `core` must outlive the memory. InvalidArgument if it holds no whole page.
  static absl::StatusOr<CoreMemory> Open(const CoreReader& core);

  const RamMap& ram() const override { return ram_; }
  absl::Status Read(Gpa gpa, MutableBytes out) const override;

 private:
  CoreMemory(const CoreReader& core, RamMap ram) : core_(&core), ram_(std::move(ram)) {}

  const CoreReader* core_;
  RamMap ram_;
};

// The VM that a core was taken of: it stands still for ever.
class CoreVm final : public VmControl {
 public:
  explicit CoreVm(StoppedVm stopped) : stopped_(std::move(stopped)) {}

  absl::StatusOr<bool> Pause() override { return false; }
  absl::Status Resume() override { return NotAlive(); }
  absl::Status Reset() override { return NotAlive(); }
  absl::Status Destroy() override { return NotAlive(); }
  absl::StatusOr<StoppedVm> ReadStopped() override { return stopped_; }
  absl::StatusOr<std::vector<VcpuState>> ReadRunningVcpus() override { return stopped_.vcpus; }

 private:
  static absl::Status NotAlive() {
    return absl::FailedPreconditionError("this is the dump of a VM, not a VM");
  }

  StoppedVm stopped_;
};

}  // namespace marrow
