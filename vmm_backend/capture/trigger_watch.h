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
  kCrashLoaded,    // the guest's own kdump is about to run
  kWatchdog,       // and the guest stands still
  kWatchdogBark,   // and the guest goes on: the action is none, debug or an NMI
  kWatchdogReset,  // and the VMM resets the guest by itself
  kReset,          // the guest reset itself, or tripped over a triple fault, and is booting again
  kHostReset,      // somebody pressed the VM's reset button
  kHeldReset,      // the guest asked for a reset, and the VMM stopped it instead
  kInternalError,  // the VMM cannot go on with this guest
  kStopped,        // somebody paused it, or it sleeps
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
  // What a guest can cause by whatever means: this many captures at once, then one each period.
  int capture_burst = 5;
  absl::Duration capture_period = absl::Minutes(1);
};

// A capture to start.
struct TriggerDecision {
  v1::Trigger trigger = v1::TRIGGER_UNSPECIFIED;
  std::string detail;
  bool pause = true;
  bool registers = true;  // false: the guest was reset before the host could look
  AfterCapture after = AfterCapture::kLeave;
  std::uint64_t request_sequence = 0;  // of the doorbell to acknowledge, or 0
};

// What to do now. `capture` comes before `clear_window`.
struct WatchStep {
  std::optional<TriggerDecision> capture;
  bool limited = false;               // a capture was due, and the guest has had too many
  bool clear_window = false;          // the guest that published is gone
  bool reset_vm = false;              // an orderly reboot was held back: let it go on
  std::uint64_t refused_request = 0;  // doorbell to be refused, or 0
  absl::Duration refused_for;         // when the guest may ask again
};

// One crash gives one dump: a crashed guest counts as down until it is reset, boots again or beats
// again. A guest that only lost its heart is not down: it may yet say why. Not thread-safe.
class TriggerWatch {
 public:
  // `down`: the crash that the VM lies in was captured before. `request_sequence`: the doorbell as
  // it stands in the window; earlier rings are nobody's any more.
  TriggerWatch(WatchPolicy policy, bool down, std::uint64_t request_sequence)
      : policy_(policy),
        down_(down),
        request_sequence_(request_sequence),
        tokens_(policy.capture_burst) {}

  // `status` is the window as it stands at the event, nullptr while it has no guest.
  WatchStep OnEvent(const VmEvent& event, const GuestStatus* status, absl::Duration now);
  WatchStep OnPoll(const GuestStatus* status, absl::Duration now);

  bool is_down() const { return down_; }
  std::uint64_t heartbeats_seen() const { return beats_seen_; }
  // True while the guest beats.
  bool guest_beats() const { return armed_ && !down_ && !hung_; }

 private:
  WatchStep Handle(const VmEvent& event, absl::Duration now);
  void Observe(const GuestStatus* status);
  WatchStep Crash(v1::Trigger trigger, const VmEvent& event);
  WatchStep OnReset(const VmEvent& event);
  WatchStep OnHeldReset(const VmEvent& event);
  void ForgetGuest();
  std::optional<TriggerDecision> CheckRequest(const GuestStatus& status, absl::Duration now,
                                              WatchStep& step);
  std::optional<TriggerDecision> CheckHeartbeat(const GuestStatus* status, absl::Duration now);
  // Takes the capture back if the guest has had its share.
  WatchStep Limit(WatchStep step, absl::Duration now);

  WatchPolicy policy_;
  bool down_;
  bool down_polled_ = false;  // the window was read since the guest went down
  bool hung_ = false;         // its lost heartbeat was captured
  bool stopped_ = false;      // vCPUs stand still: a heart that does not beat is no news
  bool ending_ = false;
  bool orderly_ = false;                                 // the guest said that it shuts down
  std::optional<std::array<std::uint8_t, 16>> boot_id_;  // of the guest that published
  std::uint64_t request_sequence_;
  absl::Duration last_request_ = -absl::InfiniteDuration();
  bool armed_ = false;  // a beat was seen to change in this boot
  std::uint64_t beat_ = 0;
  std::uint64_t beats_seen_ = 0;
  std::uint32_t period_ms_ = 0;  // the last one announced
  absl::Duration beat_changed_;
  int tokens_;
  absl::Duration token_time_ = -absl::InfiniteDuration();  // of the last one given back
};

}  // namespace marrow
