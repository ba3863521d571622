// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/trigger_watch.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "vmm_backend/core/guest_text.h"

namespace marrow {
namespace {

// A guest that announces a longer period is taken at this one: it must not switch its watchdog off
// by saying "every 50 days".
constexpr std::uint32_t kMostPeriodMs = 60'000;

bool IsGuestDriven(v1::Trigger trigger) {
  return trigger != v1::TRIGGER_VMM_DEATH && trigger != v1::TRIGGER_VMM_ERROR;
}

}  // namespace

WatchStep TriggerWatch::OnEvent(const VmEvent& event, const GuestStatus* status,
                                absl::Duration now) {
  Observe(status);
  return Limit(Handle(event, now), now);
}

WatchStep TriggerWatch::Handle(const VmEvent& event, absl::Duration now) {
  switch (event.kind) {
    case VmEventKind::kPanicked:
      return Crash(v1::TRIGGER_PANIC, event);
    case VmEventKind::kCrashLoaded: {
      WatchStep step = Crash(v1::TRIGGER_CRASH_LOADED, event);
      if (step.capture) {
        step.capture->pause = false;
        step.capture->after = AfterCapture::kLeave;
      }
      return step;
    }
    case VmEventKind::kWatchdog:
      return Crash(v1::TRIGGER_WATCHDOG, event);
    case VmEventKind::kWatchdogBark: {
      WatchStep step = Crash(v1::TRIGGER_WATCHDOG, event);
      down_ = down_ && !step.capture;  // it goes on, and may yet say why
      return step;
    }
    case VmEventKind::kWatchdogReset: {
      WatchStep step = Crash(v1::TRIGGER_WATCHDOG, event);
      if (step.capture) step.capture->after = AfterCapture::kLeave;
      return step;
    }
    case VmEventKind::kInternalError:
      return Crash(v1::TRIGGER_VMM_ERROR, event);
    case VmEventKind::kReset:
      return OnReset(event);
    case VmEventKind::kHeldReset:
      return OnHeldReset(event);
    case VmEventKind::kHostReset: {
      ForgetGuest();
      WatchStep step;
      step.clear_window = true;
      return step;
    }
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
      if (!ending_ && !orderly_) step = Crash(v1::TRIGGER_VMM_DEATH, event);
      step.clear_window = true;
      ForgetGuest();
      return step;
    }
  }
  return {};
}

WatchStep TriggerWatch::Crash(v1::Trigger trigger, const VmEvent& event) {
  WatchStep step;
  if (down_) return step;
  step.capture =
      TriggerDecision{.trigger = trigger, .detail = event.detail, .after = policy_.after};
  down_ = true;
  down_polled_ = false;
  return step;
}

WatchStep TriggerWatch::OnReset(const VmEvent& event) {
  WatchStep step;
  // Firmware resets the machine a few times more on its own; without a published guest there is
  // nothing to tell a crash by, nor to capture.
  if (policy_.capture_on_reset && !orderly_ && boot_id_) step = Crash(v1::TRIGGER_RESET, event);
  if (step.capture) {
    step.capture->registers = false;
    step.capture->after = AfterCapture::kLeave;  // it boots already
  }
  step.clear_window = true;
  ForgetGuest();
  return step;
}

WatchStep TriggerWatch::OnHeldReset(const VmEvent& event) {
  WatchStep step;
  ending_ = true;  // with -no-reboot QEMU exits next
  // Where resets are let through anyway, one without a published guest is the firmware's own.
  const bool of_firmware = !boot_id_ && policy_.after == AfterCapture::kReset;
  if (policy_.capture_on_reset && !orderly_ && !of_firmware) {
    step = Crash(v1::TRIGGER_RESET, event);
  } else {
    step.reset_vm = policy_.after == AfterCapture::kReset;
  }
  return step;
}

void TriggerWatch::ForgetGuest() {
  down_ = false;
  hung_ = false;
  orderly_ = false;
  armed_ = false;
  boot_id_.reset();
}

void TriggerWatch::Observe(const GuestStatus* status) {
  if (status == nullptr) return;
  if (boot_id_ != status->boot_id) {
    const bool another_boot = boot_id_.has_value();
    if (another_boot) ForgetGuest();
    boot_id_ = status->boot_id;
    armed_ = false;
    beat_ = status->heartbeat.beat;
  }
  orderly_ = status->state == MARROW_STATE_SHUTDOWN;
}

WatchStep TriggerWatch::OnPoll(const GuestStatus* status, absl::Duration now) {
  Observe(status);
  WatchStep step;
  if (status != nullptr) step.capture = CheckRequest(*status, now, step);
  if (!step.capture) step.capture = CheckHeartbeat(status, now);
  return Limit(std::move(step), now);
}

std::optional<TriggerDecision> TriggerWatch::CheckRequest(const GuestStatus& status,
                                                          absl::Duration now, WatchStep& step) {
  const marrow_request& request = status.request;
  if (request.sequence == request_sequence_) return std::nullopt;
  request_sequence_ = request.sequence;
  const std::string text = GuestText(absl::string_view(request.text, sizeof(request.text)));
  if (request.kind == MARROW_REQUEST_PANIC) {
    std::optional<TriggerDecision> decision =
        Crash(v1::TRIGGER_PANIC, {VmEventKind::kPanicked, text}).capture;
    if (decision) decision->request_sequence = request.sequence;
    return decision;
  }
  if (now - last_request_ < policy_.min_request_interval) {
    step.refused_request = request.sequence;
    step.refused_for = policy_.min_request_interval - (now - last_request_);
    return std::nullopt;
  }
  last_request_ = now;
  return TriggerDecision{
      .trigger = v1::TRIGGER_GUEST_REQUEST, .detail = text, .request_sequence = request.sequence};
}

std::optional<TriggerDecision> TriggerWatch::CheckHeartbeat(const GuestStatus* status,
                                                            absl::Duration now) {
  if (status != nullptr && status->heartbeat.period_ms != 0) {
    period_ms_ = std::min(status->heartbeat.period_ms, kMostPeriodMs);
  }
  if (status != nullptr && status->heartbeat.beat != beat_) {
    beat_ = status->heartbeat.beat;
    beat_changed_ = now;
    armed_ = period_ms_ != 0;
    hung_ = false;
    ++beats_seen_;
    // The first change may be a beat from just before the crash.
    if (down_polled_) down_ = false;
    down_polled_ = true;
    return std::nullopt;
  }
  down_polled_ = true;
  if (stopped_ || orderly_) beat_changed_ = now;
  // A header that the dying kernel scribbled over does not disarm what was armed.
  if (!armed_ || down_ || hung_) return std::nullopt;
  const absl::Duration deadline =
      std::max(absl::Milliseconds(period_ms_) * static_cast<double>(policy_.heartbeat_misses),
               policy_.min_heartbeat_deadline);
  if (now - beat_changed_ < deadline) return std::nullopt;
  hung_ = true;
  return TriggerDecision{
      .trigger = v1::TRIGGER_HEARTBEAT_LOST,
      .detail = absl::StrFormat("no heartbeat for %s; the guest announced one every %d ms",
                                absl::FormatDuration(now - beat_changed_), period_ms_),
      .after = policy_.after};
}

WatchStep TriggerWatch::Limit(WatchStep step, absl::Duration now) {
  if (!step.capture || !IsGuestDriven(step.capture->trigger)) return step;
  if (tokens_ == policy_.capture_burst) token_time_ = now;
  while (tokens_ < policy_.capture_burst && now - token_time_ >= policy_.capture_period) {
    ++tokens_;
    token_time_ += policy_.capture_period;
  }
  if (tokens_ > 0) {
    --tokens_;
    return step;
  }
  step.limited = true;
  if (step.capture->request_sequence != 0) {
    step.refused_request = step.capture->request_sequence;
    step.refused_for = policy_.capture_period - (now - token_time_);
  }
  step.capture.reset();
  return step;
}

}  // namespace marrow
