// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "vmm_backend/capture/vm_control.h"
#include "vmm_backend/qemu/qmp_client.h"
#include "vmm_backend/sys/process.h"
#include "vmm_backend/sys/process_memory.h"

namespace marrow {

// A QEMU process, attached to by QMP, with its guest's memory held open. Not thread-safe.
class QemuVm final : public VmControl {
 public:
  // Connects, learns the process behind the socket and where guest RAM lies in it. The memory map
  // is that of the moment: memory hot-plugged later is not seen before the next attach.
  static absl::StatusOr<std::unique_ptr<QemuVm>> Attach(const std::string& qmp_path,
                                                        absl::Duration timeout);

  const GuestMemory& memory() const { return *memory_; }
  bool memory_outlives_process() const { return memory_->outlives_process(); }
  const Process& process() const { return *process_; }
  const std::string& uuid() const { return uuid_; }
  QmpClient& qmp() { return *qmp_; }
  // Readable when QEMU has something to say.
  int event_fd() const { return qmp_->fd(); }

  absl::StatusOr<bool> Pause() override;
  absl::Status Resume() override;
  // Works under -action reboot=shutdown too, where QEMU makes a shutdown of every reset.
  absl::Status Reset() override;
  absl::Status Destroy() override;
  absl::StatusOr<StoppedVm> ReadStopped() override;
  absl::StatusOr<std::vector<VcpuState>> ReadRunningVcpus() override;

  // QEMU's RunState by name: "running", "paused", "guest-panicked", "internal-error", ...
  absl::StatusOr<std::string> RunState();

 private:
  QemuVm() = default;
  absl::Status MapMemory();
  absl::Status SetRebootAction(absl::string_view action);

  std::unique_ptr<QmpClient> qmp_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<ProcessMemory> memory_;
  std::string uuid_;
};

}  // namespace marrow
