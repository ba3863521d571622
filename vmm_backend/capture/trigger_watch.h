// SPDX-License-Identifier: Apache-2.0
// Decides when to capture. PURE: events and window polls in, captures to start out; time is an
// argument.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "marrow/v1/dump.pb.h"
#include "vmm_backend/capture/paused_vm.h"
#include "vmm_backend/core/window.h"

namespace marrow {

// What a VMM tells about its guest, whatever the VMM.
enum class VmEventKind {
  kPanicked,
  kCrashLoaded,  // the guest's own kdump is about to run
  kWatchdog,
  kReset,          // the guest reset itself, or tripped over a triple fault, and is booting again
  kHostReset,      // somebody pressed the VM's reset button
  kHeldReset,      // the guest asked for a reset, and the VMM stopped it instead
  kInternalError,  // the VMM cannot go on with this guest
  kStopped,        // somebody paused it
  kResumed,
  kEnding,  // the VMM was told to end, or the guest powered off
  kDied,    // the VMM's process is gone
};

struct VmEvent {
  VmEventKind kind = VmEventKind::kStopped;
  std::string detail;
};

struct WatchPolicy {
  AfterCapture after =
      AfterCapture::kLeave;            // for crashes; on request the VM is left as it was found
  std::uint64_t heartbeat_misses = 5;  // periods without a beat that count as a hang
  absl::Duration min_heartbeat_deadline = absl::Seconds(3);
  bool capture_on_reset = true;
  absl::Duration min_request_interval = absl::Seconds(10);  // between captures the guest asks for
};

// A capture to start.
struct TriggerDecision {
  v1::Trigger trigger = v1::TRIGGER_UNSPECIFIED;
  std::string detail;
  bool pause = true;
  AfterCapture after = AfterCapture::kLeave;
  std::uint64_t request_sequence = 0;  // of the doorbell to acknowledge, or 0
};

// What to do now. `capture` comes before `clear_window`.
struct WatchStep {
  std::optional<TriggerDecision> capture;
  bool clear_window = false;          // the guest that published is gone
  bool reset_vm = false;              // an orderly reboot was held back: let it go on
  std::uint64_t refused_request = 0;  // doorbell to be refused, or 0
  absl::Duration refused_for;         // when the guest may ask again
};

// One crash gives one dump: after a fatal trigger the guest counts as down, and nothing but a
// reset, a resume or another boot brings it back. Not thread-safe.
class TriggerWatch {
 public:
  // `down`: the crash that the VM lies in was captured before.
  TriggerWatch(WatchPolicy policy, bool down) : policy_(policy), down_(down) {}

  WatchStep OnEvent(const VmEvent& event, absl::Duration now);
  // `status` is nullptr while the window has no guest.
  WatchStep OnPoll(const GuestStatus* status, absl::Duration now);

  bool is_down() const { return down_; }
  std::uint64_t heartbeats_seen() const { return beats_seen_; }
  // True while the guest beats.
  bool guest_beats() const { return armed_ && !down_; }

 private:
  void GoDown();
  WatchStep Fatal(v1::Trigger trigger, const VmEvent& event);
  WatchStep OnReset(const VmEvent& event, bool held);
  void ForgetGuest();
  void StartBoot(const GuestStatus& status);
  std::optional<TriggerDecision> CheckRequest(const GuestStatus& status, absl::Duration now,
                                              WatchStep& step);
  std::optional<TriggerDecision> CheckHeartbeat(const GuestStatus& status, absl::Duration now);

  WatchPolicy policy_;
  bool down_;
  bool down_polled_ = false;  // the window was read since the guest went down
  bool stopped_ = false;      // vCPUs stand still: a heart that does not beat is no news
  bool ending_ = false;
  bool orderly_ = false;  // the guest said that it shuts down
  bool polled_ = false;
  std::optional<std::array<std::uint8_t, 16>> boot_id_;
  std::uint64_t request_sequence_ = 0;
  absl::Duration last_request_ = -absl::InfiniteDuration();
  bool armed_ = false;  // a beat was seen to change in this boot
  std::uint64_t beat_ = 0;
  std::uint64_t beats_seen_ = 0;
  absl::Duration beat_changed_;
};

}  // namespace marrow
