// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_ingest_service.h"

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/base/sha256.h"

namespace marrow {
namespace {

// Uploads `core` as dump "d" in one chunk with the given checksum; the status of the call.
grpc::Status UploadTo(const std::string& address, const std::string& core, std::uint32_t crc32c) {
  const auto stub =
      v1::Ingest::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->Upload(&context);
  v1::UploadRequest request;
  request.mutable_begin()->mutable_manifest()->set_dump_id("d");
  request.mutable_begin()->set_core_bytes(core.size());
  const Sha256Digest digest = Sha256Of(AsBytes(core));
  request.mutable_begin()->set_core_sha256(digest.data(), digest.size());
  stream->Write(request);
  request.mutable_chunk()->set_data(core);
  request.mutable_chunk()->set_crc32c(crc32c);
  stream->Write(request);
  request.mutable_commit();
  stream->Write(request);
  stream->WritesDone();
  v1::UploadResponse response;
  while (stream->Read(&response)) {
  }
  return stream->Finish();
}

TEST(FakeIngestService, KeepsWhatWasCommitted) {
  FakeIngestService store;
  const std::string address = store.Start("127.0.0.1:0");
  EXPECT_TRUE(UploadTo(address, "core", Crc32c(AsBytes("core"))).ok());
  EXPECT_EQ(store.Stored("d"), "core");
}

TEST(FakeIngestService, RefusesAChunkWithAWrongChecksum) {
  FakeIngestService store;
  const std::string address = store.Start("127.0.0.1:0");
  EXPECT_EQ(UploadTo(address, "core", 0).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(store.bad_chunks(), 1);
  EXPECT_EQ(store.Stored("d"), std::nullopt);
}

TEST(FakeIngestService, FollowsItsScriptOnce) {
  FakeIngestService store;
  const std::string address = store.Start("127.0.0.1:0");
  store.Push({FakeIngestService::Script::Step::kRefuse, Busy(absl::Seconds(1))}, "d");
  EXPECT_EQ(UploadTo(address, "core", Crc32c(AsBytes("core"))).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(UploadTo(address, "core", Crc32c(AsBytes("core"))).ok());
}

}  // namespace
}  // namespace marrow
