// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "marrow/v1/host.pb.h"
#include "vmm_backend/daemon/config.h"
#include "vmm_backend/posix/fd.h"
#include "vmm_backend/qemu/qemu_vm.h"
#include "vmm_backend/sys/window_file.h"
#include "vmm_backend/watch/vm_session.h"

namespace marrow {

// Watches one configured VM for as long as it lives: waits for its VMM, attaches, and attaches
// again after the VMM's end. One thread of its own; all methods are thread-safe.
class VmWatcher {
 public:
  // `services` must outlive the watcher.
  VmWatcher(VmConfig config, const WatchServices& services);
  ~VmWatcher();

  const std::string& name() const { return config_.name; }
  v1::WatchedVm Describe() const;
  // Captures now and waits until the dump is in the spool. Unavailable, saying why, if no VMM is
  // attached.
  absl::StatusOr<v1::CaptureResponse> Capture(const std::string& detail);

 private:
  struct Order {
    std::string detail;
    std::promise<absl::StatusOr<v1::CaptureResponse>> result;
  };
  enum class Outcome { kVmmDied, kConnectionLost, kStopping };

  void Run(std::stop_token stop);
  absl::Status AttachAndWatch(const std::stop_token& stop);
  Outcome Watch(QemuVm& vm, VmSession& session, const std::stop_token& stop);
  // Hands over what QEMU said; false when the connection is gone.
  bool DeliverEvents(QemuVm& vm, VmSession& session);
  void ServeOrders(VmSession& session);
  void RefuseOrders(const absl::Status& why);
  // Waits for the wake-up descriptor or the VMM's, at most `timeout`.
  void Wait(const QemuVm* vm, absl::Duration timeout);
  void SetStatus(v1::VmStatus status, std::string detail);
  void Publish(const VmSession& session);
  std::optional<Order> TakeOrder();

  const VmConfig config_;
  const WatchServices& services_;
  UniqueFd wake_;  // eventfd

  mutable std::mutex mutex_;  // guards what follows
  v1::WatchedVm shown_;
  std::uint32_t earlier_captures_ = 0;  // of sessions that ended
  std::deque<Order> orders_;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace marrow
