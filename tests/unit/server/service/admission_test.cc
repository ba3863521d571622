// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/errors/error_info.h"
#include "tests/unit/server/service/running_store.h"

namespace marrow {
namespace {

TEST(Admission, RefusesStreamsAboveTheLimitAndSaysWhenToRetry) {
  StoreOptions options;
  options.uploads.max_streams = 2;
  RunningStore store(options);
  const std::string core = SampleCore(1, 10);
  const auto first = AcceptedStream(store.channel(), 1, core);
  const auto second = AcceptedStream(store.channel(), 2, core);
  UploadStreamClient third(store.channel());
  const absl::Status status =
      third.Begin(SampleManifest(3), core.size(), Sha256Of(AsBytes(core))).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ReasonOf(status), "TOO_MANY_UPLOADS");
  EXPECT_EQ(RetryDelayOf(status), absl::Seconds(5));
}

TEST(Admission, LetsOthersInWhenAStreamEnds) {
  StoreOptions options;
  options.uploads.max_streams = 1;
  RunningStore store(options);
  const std::string core = SampleCore(1, 1);
  absl::Status last;
  for (int i = 0; i < 5; ++i) {
    // The place of the stream before is free when the store has let go of it.
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    do {
      last = store.Upload(i, core).status();
    } while (absl::IsResourceExhausted(last) && absl::Now() < deadline);
    ASSERT_TRUE(last.ok()) << last;
  }
}

TEST(Admission, EndsAStreamThatStalls) {
  StoreOptions options;
  options.idle_timeout = absl::Milliseconds(100);
  RunningStore store(options);
  const std::string core = SampleCore(1, 10);
  const auto stream = AcceptedStream(store.channel(), 1, core);
  const absl::Status status = stream->Receive().status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_EQ(ReasonOf(status), "UPLOAD_IDLE");
}

TEST(Admission, EndsAStreamThatDoesNotTakeItsLastAnswer) {
  StoreOptions options;
  options.idle_timeout = absl::Milliseconds(100);
  options.uploads.max_streams = 1;
  RunningStore store(options);
  const std::string core = SampleCore(1, 10);
  const Sha256Digest digest = Sha256Of(AsBytes(core));
  ASSERT_TRUE(
      UploadDump(store.channel(), LargeManifest(1), SpanSource(AsBytes(core)), digest).ok());

  const auto stub = v1::Ingest::NewStub(store.NarrowChannel());
  grpc::ClientContext context;
  const auto deaf = stub->Upload(&context);
  v1::UploadRequest begin;
  *begin.mutable_begin()->mutable_manifest() = LargeManifest(1);
  begin.mutable_begin()->set_core_bytes(core.size());
  begin.mutable_begin()->set_core_sha256(DigestText(digest));
  ASSERT_TRUE(deaf->Write(begin));

  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  bool was_refused = false;
  absl::Status other;
  do {
    other = store.Upload(2, core).status();
    was_refused = was_refused || absl::IsResourceExhausted(other);
  } while ((absl::IsResourceExhausted(other) || !was_refused) && absl::Now() < deadline);
  EXPECT_TRUE(was_refused);
  EXPECT_TRUE(other.ok()) << other;
  context.TryCancel();
}

TEST(Admission, RefusesUploadsUnderTheDiskFloor) {
  StoreOptions options;
  RunningStore store(options);
  store.Stop();
  StoreOptions full = store.options();
  full.ingest.disk_floor_bytes = std::uint64_t{1} << 62;
  const auto server = StoreServer::Start(full);
  ASSERT_TRUE(server.ok()) << server.status();
  const absl::Status status = store.Upload(1, SampleCore(1, 1)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ReasonOf(status), "DISK_FLOOR");
}

TEST(Admission, RefusesAnOversizedManifestForGood) {
  RunningStore store;
  v1::Manifest manifest = SampleManifest(1);
  manifest.set_boot_id(std::string((3 << 20) + 1, 'b'));
  const std::string core = SampleCore(1, 1);
  UploadStreamClient stream(store.channel());
  const absl::Status status = stream.Begin(manifest, core.size(), Sha256Of(AsBytes(core))).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(ReasonOf(status), "MANIFEST_TOO_LARGE");
}

}  // namespace
}  // namespace marrow
