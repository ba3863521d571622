// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/watch/vm_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>

#include "marrow/guest.h"
#include "tests/fakes/fake_vm.h"
#include "tests/fakes/temporary_directory.h"
#include "vmm_backend/base/ulid.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// A VM of fakes, a guest that writes its window with the real library, a real spool.
class VmSessionTest : public testing::Test {
 protected:
  VmSessionTest() {
    auto spool = Spool::Open(*files_, {.directory = directory_.path(), .min_free_bytes = 0});
    EXPECT_TRUE(spool.ok()) << spool.status();
    spool_ = *std::move(spool);
    services_.spool = spool_.get();
    services_.on_spooled = [this] { ++notified_; };
    services_.clock = [this] { return clock_; };
    services_.now = [] { return absl::FromUnixSeconds(1000); };
    services_.new_dump_id = [this] {
      std::array<std::byte, 10> random{};
      random[9] = static_cast<std::byte>(++ids_);
      return MakeUlid(absl::FromUnixSeconds(1000), random);
    };
    services_.log =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>());
    config_.name = "vm";
    control_.vcpus.resize(1);
  }

  VmSession& Session() {
    if (session_ == nullptr) {
      session_ = std::make_unique<VmSession>(
          config_, services_,
          AttachedVm{.window = &window_, .memory = &memory_, .control = &control_, .uuid = "u"});
    }
    return *session_;
  }

  void BootGuest(std::uint8_t boot) {
    EXPECT_EQ(guest_.Attach(window_.guest(), window_.size()), guest::Error::kNone);
    EXPECT_EQ(guest_.Claim({.boot_id = {boot}, .writer = MARROW_WRITER_BARE}), guest::Error::kNone);
    EXPECT_EQ(guest_.Register({.id = 1,
                               .address = 0x1000,
                               .size = 0x1000,
                               .kind = MARROW_ADDRESS_GPA,
                               .region_class = MARROW_CLASS_LOG,
                               .name = "log"}),
              guest::Error::kNone);
    EXPECT_EQ(guest_.SetPeriod(1000), guest::Error::kNone);
    EXPECT_EQ(guest_.SetState(MARROW_STATE_ALIVE), guest::Error::kNone);
    Session().Poll();
  }

  void Beat() {
    EXPECT_EQ(guest_.Beat(0), guest::Error::kNone);
    Session().Poll();
  }

  void PollAfter(absl::Duration time) {
    clock_ += time;
    Session().Poll();
  }

  // Triggers of the dumps in the spool, oldest first.
  std::vector<v1::Trigger> Dumps() {
    std::vector<v1::Trigger> triggers;
    for (const std::string& id : spool_->Pending()) {
      triggers.push_back(spool_->Load(id)->begin.manifest().trigger());
    }
    return triggers;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_ = MakePosixFileSystem();
  std::unique_ptr<Spool> spool_;
  WatchServices services_;
  VmConfig config_;
  FakeWindow window_;
  guest::Window guest_;
  FakeGuestMemory memory_{{{Gpa{0}, 1 << 20}}};
  FakeVmControl control_;
  absl::Duration clock_ = absl::Hours(1);
  int notified_ = 0;
  int ids_ = 0;
  std::unique_ptr<VmSession> session_;
};

TEST_F(VmSessionTest, SpoolsACrashAndTellsTheUploader) {
  BootGuest(1);
  Session().OnEvent({VmEventKind::kPanicked, "QEMU event GUEST_PANICKED"});
  EXPECT_THAT(Dumps(), ElementsAre(v1::TRIGGER_PANIC));
  EXPECT_EQ(notified_, 1);
  EXPECT_EQ(Session().stats().captures, 1u);
  EXPECT_EQ(Session().stats().last_dump_id, spool_->Pending()[0]);
}

TEST_F(VmSessionTest, KeepsTheLastGoodTableForWhenTheCrashRuinsIt) {
  BootGuest(1);
  window_.Corrupt(MARROW_HEADER_BYTES + 8);
  Session().Poll();
  Session().OnEvent({VmEventKind::kPanicked, ""});
  const auto entry = spool_->Load(spool_->Pending()[0]);
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->begin.manifest().table_source(), v1::TABLE_SOURCE_LAST_GOOD);
  EXPECT_EQ(entry->begin.manifest().regions_size(), 1);
}

TEST_F(VmSessionTest, DoesNotCaptureOneCrashTwiceAcrossItsOwnRestart) {
  BootGuest(1);
  Session().OnEvent({VmEventKind::kPanicked, ""});
  session_.reset();
  Session().Poll();
  Session().OnEvent({VmEventKind::kPanicked, "QEMU run state guest-panicked"});
  EXPECT_THAT(Dumps(), SizeIs(1));
}

TEST_F(VmSessionTest, CapturesACrashThatAnEarlierDaemonCouldNotKeep) {
  auto full = Spool::Open(
      *files_, {.directory = directory_.path() + "/full", .max_bytes = 1, .min_free_bytes = 0});
  ASSERT_TRUE(full.ok());
  services_.spool = full->get();
  BootGuest(1);
  Session().OnEvent({VmEventKind::kPanicked, ""});
  session_.reset();
  services_.spool = spool_.get();
  Session().OnEvent({VmEventKind::kPanicked, "QEMU run state guest-panicked"});
  EXPECT_THAT(Dumps(), SizeIs(1));
}

TEST_F(VmSessionTest, DoesNotTakeTheNoteOfAnotherBootForItsOwn) {
  BootGuest(1);
  Session().OnEvent({VmEventKind::kPanicked, ""});
  session_.reset();
  BootGuest(2);
  Session().OnEvent({VmEventKind::kPanicked, ""});
  EXPECT_THAT(Dumps(), SizeIs(2));
}

TEST_F(VmSessionTest, SaysThatNobodyListensAnyMore) {
  BootGuest(1);
  EXPECT_EQ(window_.ack().presence, MARROW_HOST_LISTENING);
  session_.reset();
  EXPECT_EQ(window_.ack().presence, MARROW_HOST_ABSENT);
}

TEST_F(VmSessionTest, NeverAnswersTheNextBootWithAnOldAcknowledgement) {
  BootGuest(1);
  std::uint64_t first = 0;
  ASSERT_EQ(guest_.Request(MARROW_REQUEST_DUMP, "", &first), guest::Error::kNone);
  Session().Poll();
  Session().OnEvent({VmEventKind::kHostReset, ""});
  BootGuest(2);
  std::uint64_t second = 0;
  ASSERT_EQ(guest_.Request(MARROW_REQUEST_DUMP, "", &second), guest::Error::kNone);
  EXPECT_EQ(second, first + 1);
  EXPECT_EQ(guest_.AwaitAckPolls(second, 1).error, guest::Error::kTimedOut);
}

TEST_F(VmSessionTest, ForgetsTheGuestAfterAReset) {
  BootGuest(1);
  Session().OnEvent({VmEventKind::kReset, ""});
  EXPECT_THAT(Dumps(), ElementsAre(v1::TRIGGER_RESET));
  Session().Poll();
  EXPECT_EQ(Session().stats().regions, 0u);
  EXPECT_EQ(window_.ack().crash_captured, 0u);
  BootGuest(2);
  EXPECT_EQ(Session().stats().regions, 1u);
  Session().OnEvent({VmEventKind::kPanicked, ""});
  EXPECT_THAT(Dumps(), SizeIs(2));
}

TEST_F(VmSessionTest, AnswersTheDoorbell) {
  BootGuest(1);
  std::uint64_t sequence = 0;
  ASSERT_EQ(guest_.Request(MARROW_REQUEST_DUMP, "please", &sequence), guest::Error::kNone);
  Session().Poll();
  EXPECT_THAT(Dumps(), ElementsAre(v1::TRIGGER_GUEST_REQUEST));
  EXPECT_EQ(guest_.AwaitAckPolls(sequence, 1).error, guest::Error::kNone);
  EXPECT_TRUE(control_.running);

  ASSERT_EQ(guest_.Request(MARROW_REQUEST_DUMP, "again", &sequence), guest::Error::kNone);
  Session().Poll();
  const guest::Ack refused = guest_.AwaitAckPolls(sequence, 1);
  EXPECT_EQ(refused.error, guest::Error::kHostRefused);
  EXPECT_EQ(refused.retry_after_ms, 10'000u);
  EXPECT_THAT(Dumps(), SizeIs(1));
}

TEST_F(VmSessionTest, CapturesAVmWhoseHeartStopped) {
  BootGuest(1);
  Beat();
  EXPECT_TRUE(Session().stats().agent_alive);
  PollAfter(absl::Seconds(4));
  EXPECT_THAT(Dumps(), IsEmpty());
  PollAfter(absl::Seconds(1));
  EXPECT_THAT(Dumps(), ElementsAre(v1::TRIGGER_HEARTBEAT_LOST));
  EXPECT_FALSE(Session().stats().agent_alive);
}

TEST_F(VmSessionTest, CapturesWhatADeadVmmLeft) {
  BootGuest(1);
  control_.next_error = absl::UnavailableError("gone");
  Session().OnVmmDied("VMM process 7 is gone");
  EXPECT_THAT(Dumps(), ElementsAre(v1::TRIGGER_VMM_DEATH));
  EXPECT_THAT(control_.calls, IsEmpty());
  EXPECT_FALSE(ReadGuestStatus(window_).ok());
}

TEST_F(VmSessionTest, AppliesThePolicyAfterACrash) {
  config_.after = AfterCapture::kReset;
  BootGuest(1);
  control_.running = false;
  Session().OnEvent({VmEventKind::kPanicked, ""});
  EXPECT_THAT(control_.calls, Contains("reset"));
}

TEST_F(VmSessionTest, CapturesForAnOperatorAndLeavesTheVmAsItWas) {
  config_.after = AfterCapture::kDestroy;
  BootGuest(1);
  const auto response = Session().CaptureNow("just looking");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->dump_id(), spool_->Pending()[0]);
  EXPECT_EQ(response->manifest().trigger_detail(), "just looking");
  EXPECT_THAT(control_.calls, ElementsAre("pause", "read vcpus", "resume"));
  EXPECT_EQ(window_.ack().crash_captured, 0u);
}

TEST_F(VmSessionTest, SaysWhyACaptureWasNotKept) {
  session_.reset();
  auto full = Spool::Open(
      *files_, {.directory = directory_.path() + "/full", .max_bytes = 1, .min_free_bytes = 0});
  ASSERT_TRUE(full.ok());
  services_.spool = full->get();
  BootGuest(1);
  EXPECT_EQ(Session().CaptureNow("").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Session().stats().captures, 0u);
  EXPECT_TRUE(control_.running);
}

TEST_F(VmSessionTest, ShowsThatItListens) {
  Session().Poll();
  const std::uint64_t beat = window_.ack().beat;
  Session().Poll();
  EXPECT_GT(window_.ack().beat, beat);
  EXPECT_EQ(window_.ack().presence, MARROW_HOST_LISTENING);
}

}  // namespace
}  // namespace marrow
