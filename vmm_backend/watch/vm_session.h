// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "marrow/v1/host.pb.h"
#include "vmm_backend/capture/capture.h"
#include "vmm_backend/capture/host_window.h"
#include "vmm_backend/capture/trigger_watch.h"
#include "vmm_backend/daemon/config.h"
#include "vmm_backend/daemon/spool.h"

namespace spdlog {
class logger;
}

namespace marrow {

// What every watched VM shares. All of it is thread-safe and outlives the sessions.
struct WatchServices {
  Spool* spool = nullptr;
  std::function<void()> on_spooled;  // a dump was added
  v1::Host host;
  LimitsConfig limits;
  MonotonicClock clock;
  std::function<absl::Time()> now;
  std::function<std::string()> new_dump_id;
  std::shared_ptr<spdlog::logger> log;
};

// The parts of an attached VM. They outlive the session.
struct AttachedVm {
  HostWindow* window = nullptr;
  const GuestMemory* memory = nullptr;
  VmControl* control = nullptr;
  std::string uuid;
};

struct SessionStats {
  std::uint32_t captures = 0;
  std::string last_dump_id;
  absl::Time last_capture_time = absl::InfinitePast();
  std::uint32_t regions = 0;
  std::uint64_t window_generation = 0;
  std::uint64_t heartbeats = 0;
  bool agent_alive = false;
  std::string window_state;  // why there is no table, or ""
};

// A VM from attach to its VMM's end. Keeps the last good table, asks TriggerWatch what to do, and
// does it. Not thread-safe.
class VmSession {
 public:
  // `config` and `services` must outlive the session.
  VmSession(const VmConfig& config, const WatchServices& services, AttachedVm vm);
  // Leaves word in the window that nobody listens any more.
  ~VmSession();
  VmSession(const VmSession&) = delete;
  VmSession& operator=(const VmSession&) = delete;

  void OnEvent(const VmEvent& event);
  // The VMM is gone: what is captured from now on is what its memory still holds.
  void OnVmmDied(const std::string& detail);
  // Looks at the window. Call a few times a second.
  void Poll();
  absl::StatusOr<v1::CaptureResponse> CaptureNow(const std::string& detail);

  const SessionStats& stats() const { return stats_; }

 private:
  void Do(const WatchStep& step);
  absl::StatusOr<v1::CaptureResponse> RunCapture(const TriggerDecision& decision);
  absl::StatusOr<SpoolEntry> Spool(const CapturedDump& dump);
  void Acknowledge(std::uint64_t sequence, marrow_ack_state state, absl::Duration retry_after);
  void StoreAck(marrow_host_presence presence);
  void RefreshTable();
  void LogDump(const CapturedDump& dump);

  const VmConfig& config_;
  const WatchServices& services_;
  AttachedVm vm_;
  TriggerWatch watch_;
  std::optional<RegionTable> last_good_;
  bool crash_kept_;  // the crash that the guest lies in is in the spool, or was
  marrow_host_ack ack_{};
  SessionStats stats_;
};

}  // namespace marrow
