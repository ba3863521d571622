// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/upload_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/errors/error_info.h"
#include "tests/fakes/fake_printk_ring.h"
#include "tests/unit/server/ingest/upload_steps.h"

namespace marrow {
namespace {

using testing::IsEmpty;

class UploadSessionTest : public testing::Test {
 protected:
  explicit UploadSessionTest(IngestLimits limits = {.checkpoint_bytes = 64 << 10})
      : store_(limits) {}
  void SetUp() override { ASSERT_TRUE(store_.Open().ok()); }

  std::unique_ptr<UploadSession> Accepted(int number, const std::string& core) {
    auto session = store_.ingestor().NewSession();
    AcceptedOffset(session->Handle(BeginOf(SampleManifest(number), core)));
    return session;
  }

  // What the store answers to a first message.
  std::string ReasonForBegin(const v1::UploadRequest& begin) {
    return ReasonOf(store_.ingestor().NewSession()->Handle(begin).status());
  }

  TestStore store_;
  const std::string core_ = SampleCore(1, 50);  // about 200 KiB
};

TEST_F(UploadSessionTest, StoresAnUpload) {
  const UploadOutcome outcome = RunUpload(store_.ingestor(), SampleManifest(1), core_, 10'000);
  ASSERT_TRUE(outcome.committed) << outcome.status;
  EXPECT_EQ(store_.ReadCore(1), core_);
}

TEST_F(UploadSessionTest, LeavesNoPartialFilesBehind) {
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(1), core_, 10'000).committed);
  EXPECT_THAT(store_.Incoming(), IsEmpty());
}

TEST_F(UploadSessionTest, DescribesTheDump) {
  v1::Manifest manifest = SampleManifest(1);
  ASSERT_TRUE(RunUpload(store_.ingestor(), manifest, core_, 100'000).committed);
  const v1::Dump dump = *store_.archive().Get(SampleId(1));
  EXPECT_EQ(dump.name(), "dumps/" + SampleId(1));
  EXPECT_EQ(dump.manifest().SerializeAsString(), manifest.SerializeAsString());
  EXPECT_EQ(dump.state(), v1::DUMP_STATE_COMPLETE);
  EXPECT_EQ(dump.receive_time().seconds(), absl::ToUnixSeconds(store_.now()));
  EXPECT_EQ(dump.core_bytes(), core_.size());
  EXPECT_GT(dump.stored_bytes(), 0u);
  EXPECT_EQ(dump.core_sha256(), DigestText(Sha256Of(AsBytes(core_))));
}

TEST_F(UploadSessionTest, CallsADumpPartialIfSomethingIsMissing) {
  v1::Manifest manifest = SampleManifest(1);
  manifest.add_missing()->set_what("vcpu registers");
  ASSERT_TRUE(RunUpload(store_.ingestor(), manifest, core_, 100'000).committed);
  EXPECT_EQ(store_.archive().Get(SampleId(1))->state(), v1::DUMP_STATE_PARTIAL);
}

TEST_F(UploadSessionTest, TakesTheTitleFromTheKernelLog) {
  FakePrintkRing ring(6, 12);
  ring.Append(0, "Kernel panic - not syncing: sysrq triggered crash");
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(1), ring.Core(), 100'000).committed);
  EXPECT_EQ(store_.archive().Get(SampleId(1))->title(),
            "Kernel panic - not syncing: sysrq triggered crash");
}

TEST_F(UploadSessionTest, AcknowledgesAtEachCheckpoint) {
  const auto session = Accepted(1, core_);
  EXPECT_FALSE(session->Handle(ChunkOf(core_, 0, 60'000))->has_value());
  const Answer answer = session->Handle(ChunkOf(core_, 60'000, 60'000));
  ASSERT_TRUE(answer.ok() && answer->has_value()) << answer.status();
  EXPECT_EQ((*answer)->progress().durable_bytes(), 120'000u);
}

TEST_F(UploadSessionTest, KeepsAcknowledgedBytesThroughAPowerCut) {
  {
    const auto session = Accepted(1, core_);
    ASSERT_TRUE(session->Handle(ChunkOf(core_, 0, 70'000))->has_value());
    ASSERT_TRUE(session->Handle(ChunkOf(core_, 70'000, 1000)).ok());
    store_.files().FailAt(1, FaultFileSystem::Fault::kFromThenOn);  // no orderly end
  }
  store_.files().Heal();
  store_.files().DropUnsynced();
  ASSERT_TRUE(store_.Open().ok());
  const auto session = store_.ingestor().NewSession();
  EXPECT_EQ(AcceptedOffset(session->Handle(BeginOf(SampleManifest(1), core_))), 70'000u);
}

TEST_F(UploadSessionTest, KeepsAllBytesWhenTheStreamBreaks) {
  {
    const auto session = Accepted(1, core_);
    ASSERT_TRUE(session->Handle(ChunkOf(core_, 0, 1234)).ok());
  }
  const auto session = store_.ingestor().NewSession();
  EXPECT_EQ(AcceptedOffset(session->Handle(BeginOf(SampleManifest(1), core_))), 1234u);
}

TEST_F(UploadSessionTest, StoresAnUploadThatBrokeAfterEachChunk) {
  std::uint64_t at = 0;
  while (at < core_.size()) {
    const auto session = store_.ingestor().NewSession();
    ASSERT_EQ(AcceptedOffset(session->Handle(BeginOf(SampleManifest(1), core_))), at);
    ASSERT_TRUE(session->Handle(ChunkOf(core_, at, 50'000)).ok());
    at = std::min<std::uint64_t>(at + 50'000, core_.size());
  }
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(1), core_, 1).committed);
  EXPECT_EQ(store_.ReadCore(1), core_);
}

TEST_F(UploadSessionTest, TakesAFinishedUploadAsStored) {
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(1), core_, 100'000).committed);
  const auto session = store_.ingestor().NewSession();
  const Answer answer = session->Handle(BeginOf(SampleManifest(1), core_));
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ((*answer)->already_stored().dump().name(), "dumps/" + SampleId(1));
  EXPECT_TRUE(session->done());
}

TEST_F(UploadSessionTest, RepairsADamagedCoreThatAnotherDumpShares) {
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(1), core_, 100'000).committed);
  const std::string hex = Hex(Sha256Of(AsBytes(core_)));
  const std::string path = "/data/blobs/" + hex.substr(0, 2) + "/" + hex + ".zst";
  std::string blob = store_.files().Contents(path);
  blob[blob.size() / 2] = static_cast<char>(blob[blob.size() / 2] ^ 1);
  store_.files().Put(path, blob);
  ASSERT_NE(store_.ReadCore(1), core_);
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(2), core_, 100'000).committed);
  EXPECT_EQ(store_.ReadCore(2), core_);
  EXPECT_EQ(store_.ReadCore(1), core_);
}

TEST_F(UploadSessionTest, RefusesOtherBytesUnderAStoredId) {
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(1), core_, 100'000).committed);
  const UploadOutcome other =
      RunUpload(store_.ingestor(), SampleManifest(1), SampleCore(2, 50), 100'000);
  EXPECT_TRUE(absl::IsAlreadyExists(other.status)) << other.status;
  EXPECT_EQ(ReasonOf(other.status), "DUMP_ID_TAKEN");
  EXPECT_EQ(store_.ReadCore(1), core_);
}

TEST_F(UploadSessionTest, ServesTheNewerOfTwoStreams) {
  const auto older = Accepted(1, core_);
  ASSERT_TRUE(older->Handle(ChunkOf(core_, 0, 5000)).ok());
  const auto newer = store_.ingestor().NewSession();
  EXPECT_EQ(AcceptedOffset(newer->Handle(BeginOf(SampleManifest(1), core_))), 5000u);
  const absl::Status status = older->Handle(ChunkOf(core_, 5000, 5000)).status();
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(ReasonOf(status), "UPLOAD_SUPERSEDED");
  EXPECT_TRUE(newer->Handle(ChunkOf(core_, 5000, 5000)).ok());
}

TEST_F(UploadSessionTest, LeavesTheNewerStreamAloneWhenTheOlderEnds) {
  auto older = Accepted(1, core_);
  const auto newer = Accepted(1, core_);
  older.reset();
  EXPECT_TRUE(newer->Handle(ChunkOf(core_, 0, 5000)).ok());
}

TEST_F(UploadSessionTest, RefusesACoreThatIsNoElf) {
  const std::string junk(10'000, 'j');
  const UploadOutcome outcome = RunUpload(store_.ingestor(), SampleManifest(1), junk, 1000);
  EXPECT_TRUE(absl::IsInvalidArgument(outcome.status)) << outcome.status;
  EXPECT_EQ(ReasonOf(outcome.status), "CORE_MALFORMED");
  EXPECT_THAT(store_.Incoming(), IsEmpty());
}

TEST_F(UploadSessionTest, StartsOverAfterACoreOfAnotherDigest) {
  v1::UploadRequest begin = BeginOf(SampleManifest(1), core_);
  begin.mutable_begin()->set_core_sha256(std::string(32, 'd'));
  {
    const auto session = store_.ingestor().NewSession();
    ASSERT_TRUE(session->Handle(begin).ok());
    ASSERT_TRUE(session->Handle(ChunkOf(core_, 0, core_.size())).ok());
    const absl::Status status = session->Handle(CommitRequest()).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_EQ(ReasonOf(status), "CORE_DIGEST_MISMATCH");
  }
  EXPECT_EQ(AcceptedOffset(store_.ingestor().NewSession()->Handle(begin)), 0u);
}

TEST_F(UploadSessionTest, BlamesTransportForAnElfThatBrokeOnItsWay) {
  const auto session = Accepted(1, core_);
  std::string broken = core_;
  broken[0] = 'X';
  ASSERT_TRUE(session->Handle(ChunkOf(broken, 0, broken.size())).ok());
  EXPECT_TRUE(absl::IsDataLoss(session->Handle(CommitRequest()).status()));
}

TEST_F(UploadSessionTest, RefusesAChunkWithoutItsChecksum) {
  const auto session = Accepted(1, core_);
  v1::UploadRequest chunk = ChunkOf(core_, 0, 100);
  chunk.mutable_chunk()->set_crc32c(chunk.chunk().crc32c() ^ 1);
  const absl::Status status = session->Handle(chunk).status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_EQ(ReasonOf(status), "CHUNK_CRC_MISMATCH");
}

TEST_F(UploadSessionTest, RefusesChunksThatDoNotFit) {
  struct {
    std::uint64_t offset;
    std::uint64_t bytes;
    const char* reason;
  } const cases[] = {{1, 100, "CHUNK_OUT_OF_ORDER"},
                     {~std::uint64_t{0}, 100, "CHUNK_OUT_OF_ORDER"},
                     {0, 0, "CHUNK_SIZE_INVALID"},
                     {0, (2 << 20) + 1, "CHUNK_SIZE_INVALID"},
                     {0, core_.size() + 1, "CORE_SIZE_MISMATCH"}};
  for (const auto& c : cases) {
    v1::UploadRequest chunk = ChunkOf(std::string(c.bytes, 'x'), 0, c.bytes);
    chunk.mutable_chunk()->set_offset(c.offset);
    const absl::Status status = Accepted(1, core_)->Handle(chunk).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(ReasonOf(status), c.reason);
  }
}

TEST_F(UploadSessionTest, RefusesACommitBeforeTheEnd) {
  const auto session = Accepted(1, core_);
  EXPECT_EQ(ReasonOf(session->Handle(CommitRequest()).status()), "CORE_SIZE_MISMATCH");
}

TEST_F(UploadSessionTest, RefusesMessagesOutOfOrder) {
  EXPECT_EQ(ReasonForBegin(CommitRequest()), "PROTOCOL_VIOLATION");
  EXPECT_EQ(ReasonForBegin(v1::UploadRequest()), "PROTOCOL_VIOLATION");
  const auto session = Accepted(1, core_);
  EXPECT_EQ(ReasonOf(session->Handle(BeginOf(SampleManifest(1), core_)).status()),
            "PROTOCOL_VIOLATION");
}

TEST_F(UploadSessionTest, RefusesBeginsThatCannotSucceed) {
  struct {
    const char* reason;
    std::function<void(v1::UploadRequest::Begin&)> spoil;
  } const cases[] = {
      {"MANIFEST_INVALID", [](auto& b) { b.clear_manifest(); }},
      {"MANIFEST_TOO_LARGE",
       [](auto& b) { b.mutable_manifest()->set_boot_id(std::string(4 << 20, 'b')); }},
      {"CORE_SIZE_INVALID", [](auto& b) { b.set_core_bytes(0); }},
      {"CORE_TOO_LARGE", [](auto& b) { b.set_core_bytes(~std::uint64_t{0}); }},
      {"CORE_DIGEST_INVALID", [](auto& b) { b.set_core_sha256("short"); }},
      {"ENCODING_UNSUPPORTED",
       [](auto& b) { b.add_accepted_encodings(v1::ENCODING_ZSTD_REFERENCE); }},
  };
  for (const auto& c : cases) {
    v1::UploadRequest begin = BeginOf(SampleManifest(1), core_);
    c.spoil(*begin.mutable_begin());
    EXPECT_EQ(ReasonForBegin(begin), c.reason);
  }
  EXPECT_THAT(store_.Incoming(), IsEmpty());
}

TEST_F(UploadSessionTest, RefusesUploadsThatTheDiskCannotHold) {
  store_.files().set_free_bytes((std::uint64_t{1} << 30) + 2 * core_.size() - 1);
  const absl::Status status =
      store_.ingestor().NewSession()->Handle(BeginOf(SampleManifest(1), core_)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ReasonOf(status), "DISK_FLOOR");
  EXPECT_EQ(RetryDelayOf(status), absl::Seconds(30));
}

TEST_F(UploadSessionTest, CountsWhatIsPromisedToOtherUploads) {
  store_.files().set_free_bytes((std::uint64_t{1} << 30) + 4 * core_.size() - 1);
  auto first = Accepted(1, core_);
  EXPECT_EQ(ReasonForBegin(BeginOf(SampleManifest(2), core_)), "DISK_FLOOR");
  first.reset();
  EXPECT_EQ(ReasonForBegin(BeginOf(SampleManifest(2), core_)), "");
}

TEST_F(UploadSessionTest, KeepsRoomForTheBlobUntilItIsWritten) {
  auto first = Accepted(1, core_);
  ASSERT_TRUE(first->Handle(ChunkOf(core_, 0, core_.size())).ok());
  store_.files().set_free_bytes((std::uint64_t{1} << 30) + 3 * core_.size() - 1);
  EXPECT_EQ(ReasonForBegin(BeginOf(SampleManifest(2), core_)), "DISK_FLOOR");
  ASSERT_TRUE(first->Handle(CommitRequest()).ok());
  EXPECT_EQ(ReasonForBegin(BeginOf(SampleManifest(2), core_)), "");
}

TEST_F(UploadSessionTest, AnswersOtherStreamsWhileItCommits) {
  const auto session = Accepted(1, core_);
  ASSERT_TRUE(session->Handle(ChunkOf(core_, 0, core_.size())).ok());
  absl::Status meanwhile;
  // Commit asks for the time when it describes the dump, just before it compresses the core.
  store_.set_clock_hook([&] {
    meanwhile = store_.ingestor().NewSession()->Handle(BeginOf(SampleManifest(1), core_)).status();
    EXPECT_TRUE(store_.ingestor().CollectLeftovers().ok());
  });
  const Answer answer = session->Handle(CommitRequest());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_TRUE((*answer)->has_committed());
  EXPECT_TRUE(absl::IsUnavailable(meanwhile)) << meanwhile;
  EXPECT_EQ(ReasonOf(meanwhile), "UPLOAD_COMMITTING");
  EXPECT_TRUE(RetryDelayOf(meanwhile).has_value());
  EXPECT_EQ(store_.ReadCore(1), core_);
}

TEST_F(UploadSessionTest, TellsWhenToRetryIfTheDiskIsFull) {
  const auto session = Accepted(1, core_);
  store_.files().FailAt(1, FaultFileSystem::Fault::kOnce, absl::ResourceExhaustedError("ENOSPC"));
  const absl::Status status = session->Handle(ChunkOf(core_, 0, 100)).status();
  EXPECT_EQ(ReasonOf(status), "DISK_FULL");
  EXPECT_TRUE(RetryDelayOf(status).has_value());
}

}  // namespace
}  // namespace marrow
