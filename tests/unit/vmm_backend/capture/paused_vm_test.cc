// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/paused_vm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_vm.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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
  EXPECT_THAT(control.calls, IsEmpty());
}

TEST(PausedVm, AppliesThePolicyOnce) {
  const struct {
    AfterCapture after;
    bool running;
    std::vector<std::string> calls;
  } cases[] = {
      {AfterCapture::kLeave, true, {"pause", "resume"}},
      {AfterCapture::kLeave, false, {}},
      {AfterCapture::kResume, true, {"pause", "resume"}},
      {AfterCapture::kResume, false, {"resume"}},
      {AfterCapture::kReset, true, {"pause", "reset"}},
      {AfterCapture::kReset, false, {"reset"}},
      {AfterCapture::kDestroy, false, {"destroy"}},
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

TEST(PausedVm, ResumesWhenThePauseItselfFails) {
  class FailingPause : public VmControl {
   public:
    int resumes = 0;
    absl::StatusOr<bool> IsRunning() override { return true; }
    absl::Status Pause() override { return absl::DeadlineExceededError("late"); }
    absl::Status Resume() override { return ++resumes, absl::OkStatus(); }
    absl::Status Reset() override { return absl::OkStatus(); }
    absl::Status Destroy() override { return absl::OkStatus(); }
    absl::StatusOr<std::vector<VcpuState>> ReadVcpus() override { return std::vector<VcpuState>(); }
    absl::StatusOr<std::vector<VcpuState>> ReadRunningVcpus() override { return ReadVcpus(); }
  } control;
  EXPECT_EQ(PausedVm::Enter(control).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(control.resumes, 1);
}

}  // namespace
}  // namespace marrow
