// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/event_kind.h"

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

VmEventKind WatchdogKind(absl::string_view action) {
  if (action == "none" || action == "debug" || action == "inject-nmi") {
    return VmEventKind::kWatchdogBark;
  }
  return action == "reset" ? VmEventKind::kWatchdogReset : VmEventKind::kWatchdog;
}

}  // namespace

std::optional<VmEvent> ToVmEvent(const QmpEvent& event) {
  const std::string detail = absl::StrCat("QEMU event ", event.name);
  const std::string action = absl::StrCat(detail, ", action ", event.Data("action"));
  const std::string reason = absl::StrCat(detail, ", reason ", event.Data("reason"));
  if (event.name == "GUEST_PANICKED") return VmEvent{VmEventKind::kPanicked, action};
  if (event.name == "GUEST_CRASHLOADED") return VmEvent{VmEventKind::kCrashLoaded, action};
  if (event.name == "WATCHDOG") return VmEvent{WatchdogKind(event.Data("action")), action};
  if (event.name == "STOP" || event.name == "SUSPEND") {
    return VmEvent{VmEventKind::kStopped, detail};
  }
  if (event.name == "RESUME" || event.name == "WAKEUP") {
    return VmEvent{VmEventKind::kResumed, detail};
  }
  if (event.name == "RESET") {
    const bool by_guest = event.Data("guest") == "true";
    return VmEvent{by_guest ? VmEventKind::kReset : VmEventKind::kHostReset, reason};
  }
  if (event.name == "SHUTDOWN") {
    // Our own system_reset under -action reboot=shutdown: see QemuVm::Reset.
    if (event.Data("reason") == "host-qmp-system-reset") return std::nullopt;
    const bool held_reset = event.Data("reason") == "guest-reset";
    // A panic action of "shutdown" announces itself by GUEST_PANICKED; what follows is its end.
    return VmEvent{held_reset ? VmEventKind::kHeldReset : VmEventKind::kEnding, reason};
  }
  return std::nullopt;
}

std::optional<VmEvent> RunStateEvent(absl::string_view run_state) {
  const std::string detail = absl::StrCat("QEMU run state ", run_state);
  if (run_state == "internal-error") return VmEvent{VmEventKind::kInternalError, detail};
  if (run_state == "guest-panicked") return VmEvent{VmEventKind::kPanicked, detail};
  if (run_state == "watchdog") return VmEvent{VmEventKind::kWatchdog, detail};
  if (run_state == "paused" || run_state == "suspended") {
    return VmEvent{VmEventKind::kStopped, detail};
  }
  return std::nullopt;
}

}  // namespace marrow
