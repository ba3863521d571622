// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/trigger_watch.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

class TriggerWatchTest : public testing::Test {
 protected:
  TriggerWatchTest() {
    status_.state = MARROW_STATE_ALIVE;
    status_.boot_id = {1};
    status_.heartbeat.period_ms = 1000;
  }

  WatchStep Event(VmEventKind kind) {
    return watch_.OnEvent({kind, "detail"}, published_ ? &status_ : nullptr, now_);
  }
  WatchStep Poll() { return watch_.OnPoll(published_ ? &status_ : nullptr, now_); }
  WatchStep PollAfter(absl::Duration time) {
    now_ += time;
    return Poll();
  }
  // Two polls between which the heart beats: the watch is armed.
  void BeatOnce() {
    Poll();
    ++status_.heartbeat.beat;
    Poll();
  }
  void Ring(marrow_request_kind kind) {
    ++status_.request.sequence;
    status_.request.kind = kind;
  }

  absl::Duration now_ = absl::Hours(1);
  GuestStatus status_;
  bool published_ = true;
  WatchPolicy policy_;
  TriggerWatch watch_{policy_, /*down=*/false, /*request_sequence=*/0};
};

TEST_F(TriggerWatchTest, CapturesOnEveryFatalEvent) {
  const struct {
    VmEventKind kind;
    v1::Trigger trigger;
    bool pause;
  } cases[] = {
      {VmEventKind::kPanicked, v1::TRIGGER_PANIC, true},
      {VmEventKind::kCrashLoaded, v1::TRIGGER_CRASH_LOADED, false},
      {VmEventKind::kWatchdog, v1::TRIGGER_WATCHDOG, true},
      {VmEventKind::kWatchdogBark, v1::TRIGGER_WATCHDOG, true},
      {VmEventKind::kWatchdogReset, v1::TRIGGER_WATCHDOG, true},
      {VmEventKind::kReset, v1::TRIGGER_RESET, true},
      {VmEventKind::kHeldReset, v1::TRIGGER_RESET, true},
      {VmEventKind::kInternalError, v1::TRIGGER_VMM_ERROR, true},
      {VmEventKind::kDied, v1::TRIGGER_VMM_DEATH, true},
  };
  for (const auto& test : cases) {
    watch_ = TriggerWatch(policy_, false, 0);
    const WatchStep step = Event(test.kind);
    ASSERT_TRUE(step.capture.has_value()) << v1::Trigger_Name(test.trigger);
    EXPECT_EQ(step.capture->trigger, test.trigger);
    EXPECT_EQ(step.capture->pause, test.pause);
    EXPECT_EQ(step.capture->detail, "detail");
  }
}

TEST_F(TriggerWatchTest, TakesOneDumpOfOneCrash) {
  EXPECT_TRUE(Event(VmEventKind::kPanicked).capture);
  EXPECT_FALSE(Event(VmEventKind::kStopped).capture);
  EXPECT_FALSE(Event(VmEventKind::kWatchdog).capture);
  EXPECT_FALSE(Event(VmEventKind::kReset).capture);
  // The reset began another boot, whose crash is another one.
  EXPECT_TRUE(Event(VmEventKind::kPanicked).capture);
  EXPECT_FALSE(Event(VmEventKind::kDied).capture);
}

TEST_F(TriggerWatchTest, TakesNoSecondDumpAfterARestartOfItsOwn) {
  watch_ = TriggerWatch(policy_, /*down=*/true, 0);
  Poll();
  EXPECT_FALSE(Event(VmEventKind::kPanicked).capture);
  status_.boot_id = {2};
  Poll();
  EXPECT_TRUE(Event(VmEventKind::kPanicked).capture);
}

TEST_F(TriggerWatchTest, ClearsTheWindowWhenTheGuestIsGone) {
  EXPECT_TRUE(Event(VmEventKind::kReset).clear_window);
  EXPECT_TRUE(Event(VmEventKind::kHostReset).clear_window);
  EXPECT_TRUE(Event(VmEventKind::kDied).clear_window);
  EXPECT_FALSE(Event(VmEventKind::kPanicked).clear_window);
  EXPECT_FALSE(Event(VmEventKind::kHeldReset).clear_window);  // it is there to be inspected
}

TEST_F(TriggerWatchTest, TakesAnOrderlyEndForNoCrash) {
  status_.state = MARROW_STATE_SHUTDOWN;
  for (const VmEventKind kind :
       {VmEventKind::kReset, VmEventKind::kHeldReset, VmEventKind::kDied}) {
    watch_ = TriggerWatch(policy_, false, 0);
    Poll();
    EXPECT_FALSE(Event(kind).capture);
  }
}

TEST_F(TriggerWatchTest, TakesAnAnnouncedEndForNoCrash) {
  EXPECT_FALSE(Event(VmEventKind::kEnding).capture);
  EXPECT_FALSE(Event(VmEventKind::kDied).capture);
}

TEST_F(TriggerWatchTest, NeverCapturesOnTheHostsOwnReset) {
  const WatchStep step = Event(VmEventKind::kHostReset);
  EXPECT_FALSE(step.capture);
  EXPECT_FALSE(step.reset_vm);
}

TEST_F(TriggerWatchTest, LetsAHeldOrderlyRebootGoOnWhereThePolicyResets) {
  policy_.after = AfterCapture::kReset;
  watch_ = TriggerWatch(policy_, false, 0);
  status_.state = MARROW_STATE_SHUTDOWN;
  Poll();
  EXPECT_TRUE(Event(VmEventKind::kHeldReset).reset_vm);
}

TEST_F(TriggerWatchTest, LetsAHeldResetOfFirmwareGoOnWhereThePolicyResets) {
  policy_.after = AfterCapture::kReset;
  watch_ = TriggerWatch(policy_, false, 0);
  published_ = false;
  const WatchStep step = Event(VmEventKind::kHeldReset);
  EXPECT_FALSE(step.capture);
  EXPECT_TRUE(step.reset_vm);
}

TEST_F(TriggerWatchTest, ResetsNoVmThatBootsAlready) {
  policy_.after = AfterCapture::kReset;
  watch_ = TriggerWatch(policy_, false, 0);
  EXPECT_EQ(Event(VmEventKind::kReset).capture->after, AfterCapture::kLeave);
  EXPECT_EQ(Event(VmEventKind::kHeldReset).capture->after, AfterCapture::kReset);
}

TEST_F(TriggerWatchTest, TakesNoResetOfFirmwareForACrash) {
  Poll();
  ASSERT_TRUE(Event(VmEventKind::kReset).capture);
  published_ = false;
  EXPECT_FALSE(Event(VmEventKind::kReset).capture);
  EXPECT_FALSE(Event(VmEventKind::kReset).capture);
}

TEST_F(TriggerWatchTest, LeavesOutTheRegistersOfAGuestThatBootsAgain) {
  EXPECT_FALSE(Event(VmEventKind::kReset).capture->registers);
  EXPECT_TRUE(Event(VmEventKind::kHeldReset).capture->registers);
}

TEST_F(TriggerWatchTest, NoticesAnOrderlyEndInTheLastMoment) {
  Poll();
  status_.state = MARROW_STATE_SHUTDOWN;
  EXPECT_FALSE(Event(VmEventKind::kReset).capture);
}

TEST_F(TriggerWatchTest, LeavesResetsAloneWhereThePolicySaysSo) {
  policy_.capture_on_reset = false;
  watch_ = TriggerWatch(policy_, false, 0);
  EXPECT_FALSE(Event(VmEventKind::kReset).capture);
}

TEST_F(TriggerWatchTest, NoticesALostHeartbeatAtItsDeadline) {
  BeatOnce();
  EXPECT_FALSE(PollAfter(absl::Milliseconds(4999)).capture);
  const WatchStep step = PollAfter(absl::Milliseconds(1));
  ASSERT_TRUE(step.capture);
  EXPECT_EQ(step.capture->trigger, v1::TRIGGER_HEARTBEAT_LOST);
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
}

TEST_F(TriggerWatchTest, WaitsAtLeastTheShortestDeadline) {
  status_.heartbeat.period_ms = 1;
  BeatOnce();
  EXPECT_FALSE(PollAfter(absl::Milliseconds(2999)).capture);
  EXPECT_TRUE(PollAfter(absl::Milliseconds(1)).capture);
}

TEST_F(TriggerWatchTest, DoesNotLetAGuestPutItsDeadlineOffForDays) {
  status_.heartbeat.period_ms = 0xffffffff;
  BeatOnce();
  EXPECT_TRUE(PollAfter(absl::Minutes(5)).capture);
}

TEST_F(TriggerWatchTest, CapturesTheCrashOfAGuestWhoseHeartIsLost) {
  BeatOnce();
  ASSERT_TRUE(PollAfter(absl::Seconds(5)).capture);
  EXPECT_TRUE(Event(VmEventKind::kPanicked).capture);
}

TEST_F(TriggerWatchTest, CapturesTheCrashBehindAWatchdogThatOnlyBarks) {
  ASSERT_TRUE(Event(VmEventKind::kWatchdogBark).capture);
  EXPECT_TRUE(Event(VmEventKind::kPanicked).capture);
  EXPECT_FALSE(Event(VmEventKind::kWatchdogBark).capture);
}

TEST_F(TriggerWatchTest, IsNotDisarmedByAScribbledHeader) {
  BeatOnce();
  published_ = false;
  EXPECT_TRUE(PollAfter(absl::Seconds(5)).capture);
}

TEST_F(TriggerWatchTest, BoundsWhatAGuestCanCause) {
  int captures = 0;
  for (std::uint8_t boot = 2; boot < 102; ++boot) {
    status_.boot_id = {boot};
    Ring(MARROW_REQUEST_PANIC);
    const WatchStep step = PollAfter(absl::Milliseconds(100));
    captures += step.capture ? 1 : 0;
    EXPECT_NE(step.capture.has_value(), step.limited);
    EXPECT_EQ(step.refused_request, step.limited ? status_.request.sequence : 0);
  }
  EXPECT_EQ(captures, policy_.capture_burst);
  status_.boot_id = {200};
  EXPECT_FALSE(PollAfter(policy_.capture_period).limited);
  EXPECT_TRUE(Event(VmEventKind::kDied).capture);  // not the guest's doing
  EXPECT_TRUE(Event(VmEventKind::kPanicked).capture);
}

TEST_F(TriggerWatchTest, ExpectsNoBeatBeforeTheFirst) {
  Poll();
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
}

TEST_F(TriggerWatchTest, ExpectsNoBeatFromAGuestThatAnnouncesNone) {
  status_.heartbeat.period_ms = 0;
  BeatOnce();
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
}

TEST_F(TriggerWatchTest, HoldsAGuestToThePeriodItOnceAnnounced) {
  BeatOnce();
  status_.heartbeat.period_ms = 0;
  status_.state = MARROW_STATE_BOOTING;
  EXPECT_TRUE(PollAfter(absl::Seconds(5)).capture);
}

TEST_F(TriggerWatchTest, ExpectsNoBeatOfAPausedOrShutDownGuest) {
  BeatOnce();
  Event(VmEventKind::kStopped);
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
  Event(VmEventKind::kResumed);
  EXPECT_FALSE(PollAfter(absl::Milliseconds(4999)).capture);
  status_.state = MARROW_STATE_SHUTDOWN;
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
}

TEST_F(TriggerWatchTest, CapturesAgainOnceAHungGuestBeatAgain) {
  BeatOnce();
  ASSERT_TRUE(PollAfter(absl::Seconds(5)).capture);
  // Our own pause and resume must not count as a recovery.
  Event(VmEventKind::kStopped);
  Event(VmEventKind::kResumed);
  EXPECT_FALSE(PollAfter(absl::Seconds(60)).capture);
  BeatOnce();
  BeatOnce();
  EXPECT_TRUE(PollAfter(absl::Seconds(5)).capture);
}

TEST_F(TriggerWatchTest, DoesNotTakeTheLastBeatBeforeAPanicForARecovery) {
  BeatOnce();
  ++status_.heartbeat.beat;
  EXPECT_TRUE(Event(VmEventKind::kPanicked).capture);
  Poll();
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
}

TEST_F(TriggerWatchTest, ServesTheDoorbell) {
  Poll();
  Ring(MARROW_REQUEST_DUMP);
  const WatchStep step = Poll();
  ASSERT_TRUE(step.capture);
  EXPECT_EQ(step.capture->trigger, v1::TRIGGER_GUEST_REQUEST);
  EXPECT_EQ(step.capture->request_sequence, 1u);
  EXPECT_EQ(step.capture->after, AfterCapture::kLeave);
  EXPECT_FALSE(Poll().capture);
}

TEST_F(TriggerWatchTest, IgnoresRingsFromBeforeItCame) {
  watch_ = TriggerWatch(policy_, false, /*request_sequence=*/7);
  status_.request.sequence = 7;
  EXPECT_FALSE(Poll().capture);
}

TEST_F(TriggerWatchTest, DoesNotServeAnOldRingToAnotherBoot) {
  Poll();
  Ring(MARROW_REQUEST_PANIC);
  ASSERT_TRUE(Poll().capture);
  status_.boot_id = {2};
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
  Event(VmEventKind::kReset);
  EXPECT_FALSE(PollAfter(absl::Hours(1)).capture);
}

TEST_F(TriggerWatchTest, RefusesRingsThatComeTooFast) {
  Poll();
  Ring(MARROW_REQUEST_DUMP);
  ASSERT_TRUE(Poll().capture);
  Ring(MARROW_REQUEST_WARN);
  const WatchStep step = PollAfter(absl::Seconds(4));
  EXPECT_FALSE(step.capture);
  EXPECT_EQ(step.refused_request, 2u);
  EXPECT_EQ(step.refused_for, absl::Seconds(6));
  Ring(MARROW_REQUEST_DUMP);
  EXPECT_TRUE(PollAfter(absl::Seconds(6)).capture);
}

TEST_F(TriggerWatchTest, TakesAPanicByDoorbellOnceAndAtAnyRate) {
  Poll();
  Ring(MARROW_REQUEST_DUMP);
  ASSERT_TRUE(Poll().capture);
  Ring(MARROW_REQUEST_PANIC);
  const WatchStep step = Poll();
  ASSERT_TRUE(step.capture);
  EXPECT_EQ(step.capture->trigger, v1::TRIGGER_PANIC);
  EXPECT_FALSE(Event(VmEventKind::kPanicked).capture);
}

}  // namespace
}  // namespace marrow
