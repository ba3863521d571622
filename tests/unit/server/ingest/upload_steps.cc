// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/server/ingest/upload_steps.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "vmm_backend/base/crc32c.h"

namespace marrow {

v1::UploadRequest BeginOf(const v1::Manifest& manifest, const std::string& core) {
  v1::UploadRequest request;
  *request.mutable_begin()->mutable_manifest() = manifest;
  request.mutable_begin()->set_core_bytes(core.size());
  request.mutable_begin()->set_core_sha256(DigestText(Sha256Of(AsBytes(core))));
  return request;
}

v1::UploadRequest ChunkOf(const std::string& core, std::uint64_t offset, std::uint64_t bytes) {
  v1::UploadRequest request;
  request.mutable_chunk()->set_offset(offset);
  request.mutable_chunk()->set_data(core.substr(offset, bytes));
  request.mutable_chunk()->set_crc32c(Crc32c(AsBytes(request.chunk().data())));
  return request;
}

v1::UploadRequest CommitRequest() {
  v1::UploadRequest request;
  request.mutable_commit();
  return request;
}

std::uint64_t AcceptedOffset(const Answer& answer) {
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (!answer.ok()) return ~std::uint64_t{0};
  EXPECT_TRUE(answer->has_value() && (*answer)->has_accept());
  return (*answer)->accept().offset();
}

UploadOutcome RunUpload(Ingestor& ingestor, const v1::Manifest& manifest, const std::string& core,
                        std::uint64_t chunk_bytes) {
  const auto session = ingestor.NewSession();
  UploadOutcome outcome;
  Answer answer = session->Handle(BeginOf(manifest, core));
  outcome.status = answer.status();
  if (!answer.ok()) return outcome;
  if (session->done()) {
    outcome.committed = true;
    return outcome;
  }
  outcome.acknowledged_bytes = AcceptedOffset(answer);
  for (std::uint64_t at = outcome.acknowledged_bytes; at < core.size(); at += chunk_bytes) {
    answer = session->Handle(ChunkOf(core, at, chunk_bytes));
    outcome.status = answer.status();
    if (!answer.ok()) return outcome;
    if (answer->has_value()) outcome.acknowledged_bytes = (*answer)->progress().durable_bytes();
  }
  answer = session->Handle(CommitRequest());
  outcome.status = answer.status();
  outcome.committed = answer.ok() && (*answer)->has_committed();
  return outcome;
}

TestStore::TestStore(IngestLimits limits) : limits_(limits) {
  auto catalog = SqliteCatalog::Open(directory_.Path("catalog.db"));
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  catalog_ = *std::move(catalog);
  files_.set_free_bytes(std::uint64_t{1} << 40);
}

absl::Status TestStore::Open() {
  Close();
  auto blobs = FileBlobStore::Open(files_, "/data/blobs");
  if (!blobs.ok()) return blobs.status();
  blobs_ = *std::move(blobs);
  archive_ = std::make_unique<Archive>(*catalog_, *blobs_);
  auto ingestor =
      Ingestor::Open(files_, "/data/incoming", *archive_, limits_, [this] { return Clock(); });
  if (!ingestor.ok()) return ingestor.status();
  ingestor_ = *std::move(ingestor);
  return archive_->CollectOrphans().status();
}

absl::Time TestStore::Clock() {
  if (clock_hook_) std::exchange(clock_hook_, nullptr)();
  return now_;
}

void TestStore::Close() {
  ingestor_.reset();
  archive_.reset();
  blobs_.reset();
}

std::string TestStore::ReadCore(int number) {
  const auto dump = archive_->Get(SampleId(number));
  if (!dump.ok()) return dump.status().ToString();
  const auto core = archive_->OpenCore(*dump);
  if (!core.ok()) return core.status().ToString();
  std::string text((*core)->size(), '\0');
  const absl::Status status = (*core)->ReadAt(0, std::as_writable_bytes(std::span(text)));
  return status.ok() ? text : status.ToString();
}

std::vector<std::string> TestStore::Incoming() {
  const auto names = files_.List("/data/incoming");
  EXPECT_TRUE(names.ok()) << names.status();
  return names.value_or(std::vector<std::string>{});
}

}  // namespace marrow
