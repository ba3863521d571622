// SPDX-License-Identifier: Apache-2.0
#include "server/service/ingest_service.h"

#include <gtest/gtest.h>

#include <latch>

#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "server/blobs/file_blob_store.h"
#include "server/catalog/sqlite_catalog.h"
#include "server/client/upload_stream_client.h"
#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/unit/server/service/raw_call.h"

namespace marrow {
namespace {

// The service by itself, with a single worker that waits until the gate opens.
class IngestServiceTest : public testing::Test {
 protected:
  IngestServiceTest()
      : files_(MakePosixFileSystem()),
        catalog_(*SqliteCatalog::Open(directory_.Path("catalog.db"))),
        blobs_(*FileBlobStore::Open(*files_, directory_.Path("blobs"))),
        archive_(*catalog_, *blobs_),
        ingestor_(*Ingestor::Open(*files_, directory_.Path("incoming"), archive_,
                                  {.disk_floor_bytes = 0})) {}
  ~IngestServiceTest() override { Open(); }

  void Serve(UploadLimits limits) {
    service_ = std::make_unique<IngestService>(*ingestor_, hub_, workers_, limits);
    const std::string address = "unix:" + directory_.Path("socket");
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    workers_.Post([this] { gate_.wait(); });
    channel_ = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  }
  void Open() {
    if (!gate_.try_wait()) gate_.count_down();
  }

  // The status of a stream that sends Begin and then waits so long for the answer.
  absl::Status Begin(int number, absl::Duration patience) {
    const std::string core = SampleCore(1, 1);
    v1::UploadRequest begin;
    *begin.mutable_begin()->mutable_manifest() = SampleManifest(number);
    begin.mutable_begin()->set_core_bytes(core.size());
    begin.mutable_begin()->set_core_sha256(DigestText(Sha256Of(AsBytes(core))));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
    const auto stream = v1::Ingest::NewStub(channel_)->Upload(&context);
    stream->Write(begin);
    v1::UploadResponse answer;
    if (stream->Read(&answer)) context.TryCancel();
    return FromGrpc(stream->Finish());
  }

  TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_;
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<BlobStore> blobs_;
  Archive archive_;
  std::unique_ptr<Ingestor> ingestor_;
  WatchHub hub_;
  std::latch gate_{1};
  WorkerPool workers_{1};
  std::unique_ptr<IngestService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(IngestServiceTest, RefusesStreamsWhileTooManyBytesWaitForAWorker) {
  Serve({.max_streams = 1000, .max_bytes_in_flight = 1000});
  absl::Status status;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  // Begins of some 200 bytes pile up: one of the first twenty must find no more room.
  for (int i = 0; i < 20 && ReasonOf(status) != "TOO_MANY_UPLOADS"; ++i) {
    ASSERT_LT(absl::Now(), deadline);
    status = Begin(i, absl::Milliseconds(200));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(ReasonOf(status), "TOO_MANY_UPLOADS");
}

TEST_F(IngestServiceTest, TakesStreamsAgainWhenTheBytesAreHandled) {
  Serve({.max_streams = 1000, .max_bytes_in_flight = 0});
  EXPECT_TRUE(absl::IsDeadlineExceeded(Begin(1, absl::Milliseconds(500))));
  EXPECT_EQ(ReasonOf(Begin(2, absl::Seconds(60))), "TOO_MANY_UPLOADS");
  Open();
  absl::Status status;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  do {
    status = Begin(3, absl::Seconds(60));
  } while (absl::IsResourceExhausted(status) && absl::Now() < deadline);
  EXPECT_TRUE(absl::IsCancelled(status)) << status;  // by us, after the answer
}

TEST_F(IngestServiceTest, RefusesBytesThatAreNoMessage) {
  Serve({});
  Open();
  grpc::ClientContext context;
  const auto stream = RawCall(channel_, "/marrow.v1.Ingest/Upload", context);
  ASSERT_TRUE(stream->Write(RawMessage("\xff\xff\xff")));
  grpc::ByteBuffer answer;
  EXPECT_FALSE(stream->Read(&answer));
  const absl::Status status = FromGrpc(stream->Finish());
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(ReasonOf(status), "PROTOCOL_VIOLATION");
}

}  // namespace
}  // namespace marrow
