// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/uploader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_ingest_service.h"
#include "tests/fakes/fault_file_system.h"
#include "tests/unit/vmm_backend/daemon/recording_listener.h"
#include "tests/unit/vmm_backend/daemon/spooled_dump.h"
#include "vmm_backend/daemon/store_channel.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using Step = FakeIngestService::Script::Step;

grpc::Status Refusal(grpc::StatusCode code) { return grpc::Status(code, "scripted"); }

class UploaderTest : public testing::Test {
 protected:
  UploaderTest() : spool_(Spool::Open(files_, {"/spool", 1 << 30, 100, 1}).value()) {
    address_ = store_.Start("127.0.0.1:0");
    options_.schedule.dump = {absl::Milliseconds(1), absl::Milliseconds(20)};
    options_.schedule.store = {absl::Milliseconds(1), absl::Milliseconds(20)};
    options_.session.chunk_bytes = 8 << 10;
  }

  // Spools a dump of `pages` pages.
  TestDump Add(int n, std::size_t pages = 12) {
    TestDump dump(TestId(n), pages);
    EXPECT_TRUE(dump.AddTo(*spool_).ok());
    return dump;
  }
  void StartUploader() {
    uploader_ = std::make_unique<Uploader>(
        *spool_, ConnectStore({address_, "", "", ""}).value(), listener_, [] { return 0.5; },
        options_);
  }
  void StopUploader() { uploader_.reset(); }

  FaultFileSystem files_;
  FakeIngestService store_;
  std::string address_;
  std::unique_ptr<Spool> spool_;
  RecordingListener listener_;
  UploaderOptions options_;
  std::unique_ptr<Uploader> uploader_;  // last: it uses the others
};

TEST_F(UploaderTest, SendsWhatIsPendingAtStart) {
  const TestDump dump = Add(1);
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
  EXPECT_THAT(spool_->Pending(), IsEmpty());
  EXPECT_EQ(store_.bad_chunks(), 0);
}

TEST_F(UploaderTest, SendsWhatIsAddedLater) {
  StartUploader();
  const TestDump dump = Add(1);
  uploader_->Notify();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
}

TEST_F(UploaderTest, SendsTheOldestFirst) {
  Add(2);
  Add(1);
  Add(3);
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(3));
  EXPECT_THAT(listener_.events().acknowledged, ElementsAre(TestId(1), TestId(2), TestId(3)));
}

TEST_F(UploaderTest, ResumesWhereTheStoreSaysAfterABreak) {
  const TestDump dump = Add(1);
  store_.Push({Step::kBreakAfter, Refusal(grpc::StatusCode::UNAVAILABLE), 16 << 10});
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_THAT(store_.FirstOffsets(), ElementsAre(0U, 16U << 10));
  EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
}

TEST_F(UploaderTest, StartsAgainAfterDataLoss) {
  const TestDump dump = Add(1);
  store_.Push({Step::kRefuseCommit, Refusal(grpc::StatusCode::DATA_LOSS)});
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_THAT(store_.FirstOffsets(), ElementsAre(0U, 0U));
  EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
}

TEST_F(UploaderTest, TakesAlreadyStoredForAnAcknowledgement) {
  const TestDump dump = Add(1);
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  ASSERT_TRUE(dump.AddTo(*spool_).ok());
  uploader_->Notify();
  ASSERT_TRUE(listener_.WaitForAcknowledged(2));
  EXPECT_THAT(store_.FirstOffsets(), SizeIs(1));
  EXPECT_THAT(spool_->Pending(), IsEmpty());
}

TEST_F(UploaderTest, QuarantinesWhatTheStoreRefusesForGood) {
  for (const auto code : {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::ALREADY_EXISTS}) {
    store_.Push({Step::kRefuse, Refusal(code)}, TestId(code));
    Add(code);
  }
  Add(100);
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_THAT(listener_.events().quarantined,
              UnorderedElementsAre(TestId(grpc::StatusCode::INVALID_ARGUMENT),
                                   TestId(grpc::StatusCode::ALREADY_EXISTS)));
  EXPECT_EQ(spool_->stats().quarantined_entries, 2U);
}

TEST_F(UploaderTest, RetriesEveryOtherRefusal) {
  Add(1);
  const std::vector<grpc::StatusCode> codes = {
      grpc::StatusCode::ABORTED,          grpc::StatusCode::INTERNAL,
      grpc::StatusCode::UNAVAILABLE,      grpc::StatusCode::RESOURCE_EXHAUSTED,
      grpc::StatusCode::UNAUTHENTICATED,  grpc::StatusCode::PERMISSION_DENIED,
      grpc::StatusCode::NOT_FOUND,        grpc::StatusCode::OUT_OF_RANGE,
      grpc::StatusCode::DEADLINE_EXCEEDED};
  for (const auto code : codes) store_.Push({Step::kRefuse, Refusal(code)});
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_THAT(listener_.events().failures, SizeIs(codes.size()));
  EXPECT_THAT(listener_.events().quarantined, IsEmpty());
}

TEST_F(UploaderTest, WaitsAsLongAsRetryInfoAsks) {
  Add(1);
  const absl::Duration asked = absl::Milliseconds(1500);
  store_.Push({Step::kRefuse, Busy(asked)});
  StartUploader();
  ASSERT_TRUE(listener_.WaitFor([](const auto& events) { return !events.waits.empty(); }));
  EXPECT_GE(listener_.events().waits[0], asked);
  EXPECT_LE(listener_.events().waits[0], asked * 1.1);
}

TEST_F(UploaderTest, DumpThatAlwaysFailsDoesNotBlockTheOthers) {
  Add(1);
  for (int i = 0; i < 1000; ++i) {
    store_.Push({Step::kRefuse, Refusal(grpc::StatusCode::INTERNAL)}, TestId(1));
  }
  Add(2);
  Add(3);
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(2));
  EXPECT_THAT(listener_.events().acknowledged, ElementsAre(TestId(2), TestId(3)));
  EXPECT_THAT(spool_->Pending(), ElementsAre(TestId(1)));
}

TEST_F(UploaderTest, NeverSendsADamagedCore) {
  const TestDump damaged = Add(1);
  const TestDump good = Add(2);
  std::string core = damaged.Core();
  core.back() = static_cast<char>(core.back() ^ 1);
  files_.Put("/spool/" + damaged.id() + ".core", core);
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_THAT(listener_.events().quarantined, ElementsAre(damaged.id()));
  EXPECT_THAT(std::string(listener_.events().why_quarantined.message()), HasSubstr("SHA-256"));
  EXPECT_THAT(store_.Begins(), ElementsAre(good.id()));
}

TEST_F(UploaderTest, NeverSendsADumpWhoseEntryWasDamagedSinceTheStart) {
  const TestDump dump = Add(1);
  Add(2);
  files_.Put("/spool/" + dump.id() + ".entry", "garbage");
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_THAT(listener_.events().quarantined, ElementsAre(dump.id()));
  EXPECT_THAT(store_.Begins(), ElementsAre(TestId(2)));
}

TEST_F(UploaderTest, GivesUpAStalledStreamAndTriesAgain) {
  Add(1);
  store_.Push({Step::kHang, {}});
  options_.session.stall_timeout = absl::Milliseconds(100);
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  ASSERT_THAT(listener_.events().failures, SizeIs(1));
  EXPECT_TRUE(absl::IsDeadlineExceeded(listener_.events().failures[0]));
}

TEST_F(UploaderTest, KeepsTheDumpWhenTheStoreAcknowledgesOtherBytes) {
  Add(1);
  store_.Push({Step::kWrongDigest, {}});
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  ASSERT_THAT(listener_.events().failures, SizeIs(1));
  EXPECT_THAT(std::string(listener_.events().failures[0].message()), HasSubstr("acknowledges"));
  EXPECT_THAT(store_.Begins(), SizeIs(2));
}

TEST_F(UploaderTest, FindsAStoreThatComesBack) {
  options_.schedule = {};  // as in production
  store_.Stop();
  const TestDump dump = Add(1);
  StartUploader();
  ASSERT_TRUE(listener_.WaitFor([](const auto& events) { return events.failures.size() >= 3; }));
  EXPECT_TRUE(absl::IsUnavailable(listener_.events().failures[0]));
  store_.Start(address_);
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
}

TEST_F(UploaderTest, FindsAStoreThatRestartsUnderAStream) {
  const TestDump dump = Add(1);
  store_.Push({Step::kHang, {}});
  StartUploader();
  ASSERT_TRUE(store_.WaitUntilHanging());
  store_.Stop();
  store_.Start(address_);
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
}

TEST_F(UploaderTest, EndsWhileAStreamHangs) {
  Add(1);
  store_.Push({Step::kHang, {}});
  StartUploader();
  ASSERT_TRUE(store_.WaitUntilHanging());
  StopUploader();  // hangs itself if the stream is not given up
  EXPECT_THAT(spool_->Pending(), ElementsAre(TestId(1)));
  EXPECT_THAT(listener_.events().failures, IsEmpty());
}

TEST_F(UploaderTest, AnotherUploaderFinishesWhatTheFirstBegan) {
  const TestDump dump = Add(1);
  store_.Push({Step::kBreakAfter, Busy(absl::Minutes(5)), 8 << 10});
  StartUploader();
  ASSERT_TRUE(listener_.WaitFor([](const auto& events) { return !events.failures.empty(); }));
  StopUploader();
  StartUploader();
  ASSERT_TRUE(listener_.WaitForAcknowledged(1));
  EXPECT_THAT(store_.FirstOffsets(), ElementsAre(0U, 8U << 10));
  EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
}

// Fails every file operation between the spool and the acknowledgement in turn.
TEST_F(UploaderTest, FailingFileOperationDelaysButNeverLosesADump) {
  std::uint64_t n = 1;
  for (bool hit = true; hit; ++n) {
    SCOPED_TRACE(n);
    ASSERT_LT(n, 100U);
    const TestDump dump = Add(static_cast<int>(n));
    files_.FailAt(n);
    StartUploader();
    ASSERT_TRUE(listener_.WaitForAcknowledged(n));
    StopUploader();
    hit = files_.fault_hit();
    files_.Heal();
    EXPECT_EQ(store_.Stored(dump.id()), dump.Core());
    EXPECT_THAT(spool_->Pending(), IsEmpty());
  }
  EXPECT_GT(n, 10U);
  EXPECT_THAT(listener_.events().quarantined, IsEmpty());
}

TEST_F(UploaderTest, CountsWhatItDid) {
  Add(1);
  store_.Push({Step::kRefuse, Busy(absl::Minutes(5))});
  StartUploader();
  ASSERT_TRUE(listener_.WaitFor([](const auto& events) { return !events.failures.empty(); }));
  const UploadStats stats = uploader_->stats();
  EXPECT_EQ(stats.acknowledged, 0U);
  EXPECT_EQ(stats.failed_attempts, 1U);
  EXPECT_THAT(stats.last_error, HasSubstr("too many uploads"));
}

}  // namespace
}  // namespace marrow
