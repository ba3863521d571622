// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/event_kind.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

std::optional<VmEventKind> Kind(const char* name,
                                std::map<std::string, std::string, std::less<>> data = {}) {
  const auto event = ToVmEvent({.name = name, .time = absl::UnixEpoch(), .data = std::move(data)});
  if (!event) return std::nullopt;
  return event->kind;
}

TEST(QemuEvents, MeanWhatQemuDocuments) {
  EXPECT_EQ(Kind("GUEST_PANICKED", {{"action", "pause"}}), VmEventKind::kPanicked);
  EXPECT_EQ(Kind("GUEST_CRASHLOADED", {{"action", "run"}}), VmEventKind::kCrashLoaded);
  EXPECT_EQ(Kind("WATCHDOG", {{"action", "pause"}}), VmEventKind::kWatchdog);
  EXPECT_EQ(Kind("WATCHDOG", {{"action", "poweroff"}}), VmEventKind::kWatchdog);
  EXPECT_EQ(Kind("WATCHDOG", {{"action", "reset"}}), VmEventKind::kWatchdogReset);
  for (const char* action : {"none", "debug", "inject-nmi"}) {
    EXPECT_EQ(Kind("WATCHDOG", {{"action", action}}), VmEventKind::kWatchdogBark);
  }
  EXPECT_EQ(Kind("STOP"), VmEventKind::kStopped);
  EXPECT_EQ(Kind("RESUME"), VmEventKind::kResumed);
  EXPECT_EQ(Kind("SUSPEND"), VmEventKind::kStopped);
  EXPECT_EQ(Kind("WAKEUP"), VmEventKind::kResumed);
  EXPECT_EQ(Kind("RESET", {{"guest", "true"}, {"reason", "guest-reset"}}), VmEventKind::kReset);
  EXPECT_EQ(Kind("RESET", {{"guest", "false"}}), VmEventKind::kHostReset);
  EXPECT_EQ(Kind("SHUTDOWN", {{"guest", "true"}, {"reason", "guest-reset"}}),
            VmEventKind::kHeldReset);
  EXPECT_EQ(Kind("SHUTDOWN", {{"guest", "true"}, {"reason", "guest-shutdown"}}),
            VmEventKind::kEnding);
  EXPECT_EQ(Kind("SHUTDOWN", {{"guest", "false"}, {"reason", "host-signal"}}),
            VmEventKind::kEnding);
  EXPECT_EQ(Kind("SHUTDOWN", {{"guest", "false"}, {"reason", "host-qmp-system-reset"}}),
            std::nullopt);
  EXPECT_EQ(Kind("RTC_CHANGE"), std::nullopt);
}

TEST(QemuEvents, CarryTheReason) {
  EXPECT_EQ(
      ToVmEvent({.name = "GUEST_PANICKED", .time = {}, .data = {{"action", "pause"}}})->detail,
      "QEMU event GUEST_PANICKED, action pause");
}

TEST(QemuRunState, ShowsACrashFromBefore) {
  EXPECT_EQ(RunStateEvent("internal-error")->kind, VmEventKind::kInternalError);
  EXPECT_EQ(RunStateEvent("guest-panicked")->kind, VmEventKind::kPanicked);
  EXPECT_EQ(RunStateEvent("watchdog")->kind, VmEventKind::kWatchdog);
  EXPECT_FALSE(RunStateEvent("running").has_value());
  EXPECT_EQ(RunStateEvent("paused")->kind, VmEventKind::kStopped);
  EXPECT_EQ(RunStateEvent("suspended")->kind, VmEventKind::kStopped);
}

}  // namespace
}  // namespace marrow
