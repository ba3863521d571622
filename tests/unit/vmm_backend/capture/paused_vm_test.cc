// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/paused_vm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_vm.h"

namespace marrow {
namespace {

using testing::ElementsAre;

TEST(PausedVm, ResumesARunningVmWhenItGoesOutOfScope) {
  FakeVmControl control;
  {
    auto paused = PausedVm::Enter(control);
    ASSERT_TRUE(paused.ok());
    EXPECT_FALSE(control.running);
    const PausedVm moved = *std::move(paused);
  }
  EXPECT_THAT(control.calls, ElementsAre("pause", "resume"));
}

TEST(PausedVm, LeavesAStoppedVmStopped) {
  FakeVmControl control;
  control.running = false;
  { ASSERT_TRUE(PausedVm::Enter(control).ok()); }
  EXPECT_THAT(control.calls, ElementsAre("pause"));
}

TEST(PausedVm, AppliesThePolicyOnce) {
  const struct {
    AfterCapture after;
    bool running;
    std::vector<std::string> calls;
  } cases[] = {
      {AfterCapture::kLeave, true, {"pause", "resume"}},
      {AfterCapture::kLeave, false, {"pause"}},
      {AfterCapture::kResume, true, {"pause", "resume"}},
      {AfterCapture::kResume, false, {"pause", "resume"}},
      {AfterCapture::kReset, true, {"pause", "reset"}},
      {AfterCapture::kReset, false, {"pause", "reset"}},
      {AfterCapture::kDestroy, false, {"pause", "destroy"}},
  };
  for (const auto& test : cases) {
    FakeVmControl control;
    control.running = test.running;
    {
      auto paused = PausedVm::Enter(control);
      ASSERT_TRUE(paused.ok());
      EXPECT_TRUE(paused->Release(test.after).ok());
    }
    EXPECT_EQ(control.calls, test.calls);
  }
}

TEST(PausedVm, ResumesWhenThePolicyFails) {
  FakeVmControl control;
  auto paused = PausedVm::Enter(control);
  ASSERT_TRUE(paused.ok());
  control.next_error = absl::UnavailableError("gone");
  EXPECT_EQ(paused->Release(AfterCapture::kReset), control.next_error);
  EXPECT_THAT(control.calls, ElementsAre("pause", "reset", "resume"));
}

TEST(PausedVm, HoldsNothingWhenThePauseFails) {
  FakeVmControl control;
  control.next_error = absl::DeadlineExceededError("late");
  EXPECT_EQ(PausedVm::Enter(control).status(), control.next_error);
  EXPECT_THAT(control.calls, ElementsAre("pause"));
}

}  // namespace
}  // namespace marrow
