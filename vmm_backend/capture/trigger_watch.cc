// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/trigger_watch.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "vmm_backend/core/guest_text.h"

namespace marrow {
namespace {

// A guest that announces a longer period is taken at this one: it must not switch its watchdog off
// by saying "every 50 days".
constexpr std::uint64_t kMostPeriodMs = 60'000;

}  // namespace

WatchStep TriggerWatch::OnEvent(const VmEvent& event, absl::Duration now) {
  switch (event.kind) {
    case VmEventKind::kPanicked:
      return Fatal(v1::TRIGGER_PANIC, event);
    case VmEventKind::kCrashLoaded: {
      WatchStep step = Fatal(v1::TRIGGER_CRASH_LOADED, event);
      if (step.capture) {
        step.capture->pause = false;
        step.capture->after = AfterCapture::kLeave;
      }
      return step;
    }
    case VmEventKind::kWatchdog:
      return Fatal(v1::TRIGGER_WATCHDOG, event);
    case VmEventKind::kInternalError:
      return Fatal(v1::TRIGGER_VMM_ERROR, event);
    case VmEventKind::kReset:
      return OnReset(event, /*held=*/false);
    case VmEventKind::kHostReset: {
      ForgetGuest();
      WatchStep step;
      step.clear_window = true;
      return step;
    }
    case VmEventKind::kHeldReset:
      ending_ = true;  // with -no-reboot QEMU exits next
      return OnReset(event, /*held=*/true);
    case VmEventKind::kStopped:
      stopped_ = true;
      return {};
    case VmEventKind::kResumed:
      stopped_ = false;
      ending_ = false;
      beat_changed_ = now;
      return {};
    case VmEventKind::kEnding:
      ending_ = true;
      return {};
    case VmEventKind::kDied: {
      WatchStep step;
      if (!ending_ && !orderly_) step = Fatal(v1::TRIGGER_VMM_DEATH, event);
      step.clear_window = true;
      ForgetGuest();
      return step;
    }
  }
  return {};
}

void TriggerWatch::GoDown() {
  down_ = true;
  down_polled_ = false;
}

WatchStep TriggerWatch::Fatal(v1::Trigger trigger, const VmEvent& event) {
  WatchStep step;
  if (!down_) {
    step.capture =
        TriggerDecision{.trigger = trigger, .detail = event.detail, .after = policy_.after};
    GoDown();
  }
  return step;
}

WatchStep TriggerWatch::OnReset(const VmEvent& event, bool held) {
  WatchStep step;
  if (policy_.capture_on_reset && !orderly_) step = Fatal(v1::TRIGGER_RESET, event);
  // A guest that already boots again needs no second reset.
  if (step.capture && !held) step.capture->after = AfterCapture::kLeave;
  step.reset_vm = held && !step.capture && policy_.after == AfterCapture::kReset;
  step.clear_window = true;
  ForgetGuest();
  return step;
}

void TriggerWatch::ForgetGuest() {
  down_ = false;
  orderly_ = false;
  armed_ = false;
  boot_id_.reset();
  request_sequence_ = 0;
}

void TriggerWatch::StartBoot(const GuestStatus& status) {
  // Rings from before we listened are nobody's any more; those of a boot that we saw begin count.
  request_sequence_ = polled_ ? 0 : status.request.sequence;
  if (polled_) down_ = false;
  boot_id_ = status.boot_id;
  armed_ = false;
  beat_ = status.heartbeat.beat;
}

WatchStep TriggerWatch::OnPoll(const GuestStatus* status, absl::Duration now) {
  WatchStep step;
  if (status != nullptr) {
    if (boot_id_ != status->boot_id) StartBoot(*status);
    orderly_ = status->state == MARROW_STATE_SHUTDOWN;
    step.capture = CheckRequest(*status, now, step);
    if (!step.capture) step.capture = CheckHeartbeat(*status, now);
  }
  polled_ = true;
  return step;
}

std::optional<TriggerDecision> TriggerWatch::CheckRequest(const GuestStatus& status,
                                                          absl::Duration now, WatchStep& step) {
  const marrow_request& request = status.request;
  if (request.sequence == request_sequence_) return std::nullopt;
  request_sequence_ = request.sequence;
  const std::string text = GuestText(absl::string_view(request.text, sizeof(request.text)));
  if (request.kind == MARROW_REQUEST_PANIC) {
    if (down_) return std::nullopt;
    GoDown();
    return TriggerDecision{.trigger = v1::TRIGGER_PANIC,
                           .detail = text,
                           .after = policy_.after,
                           .request_sequence = request.sequence};
  }
  if (now - last_request_ < policy_.min_request_interval) {
    step.refused_request = request.sequence;
    step.refused_for = policy_.min_request_interval - (now - last_request_);
    return std::nullopt;
  }
  last_request_ = now;
  return TriggerDecision{.trigger = v1::TRIGGER_GUEST_REQUEST,
                         .detail = text,
                         .after = AfterCapture::kLeave,
                         .request_sequence = request.sequence};
}

std::optional<TriggerDecision> TriggerWatch::CheckHeartbeat(const GuestStatus& status,
                                                            absl::Duration now) {
  const marrow_heartbeat& heart = status.heartbeat;
  if (heart.beat != beat_) {
    beat_ = heart.beat;
    beat_changed_ = now;
    armed_ = true;
    ++beats_seen_;
    // The first change may be a beat from just before the crash.
    if (down_polled_) down_ = false;
    down_polled_ = true;
    return std::nullopt;
  }
  down_polled_ = true;
  if (stopped_ || status.state != MARROW_STATE_ALIVE) beat_changed_ = now;
  if (!armed_ || down_ || heart.period_ms == 0) return std::nullopt;
  const auto period = absl::Milliseconds(std::min<std::uint64_t>(heart.period_ms, kMostPeriodMs));
  const absl::Duration deadline = std::max(
      period * static_cast<std::int64_t>(policy_.heartbeat_misses), policy_.min_heartbeat_deadline);
  if (now - beat_changed_ < deadline) return std::nullopt;
  down_ = true;
  return TriggerDecision{
      .trigger = v1::TRIGGER_HEARTBEAT_LOST,
      .detail = absl::StrFormat("no heartbeat for %s; the guest announced one every %d ms",
                                absl::FormatDuration(now - beat_changed_), heart.period_ms),
      .after = policy_.after};
}

}  // namespace marrow
