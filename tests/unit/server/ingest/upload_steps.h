// SPDX-License-Identifier: Apache-2.0
// An upload in steps, and a store without a network to take them. All its files are on a
// FaultFileSystem but the catalog's: SQLite answers for those itself.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/archive/archive.h"
#include "server/blobs/file_blob_store.h"
#include "server/catalog/sqlite_catalog.h"
#include "server/ingest/ingestor.h"
#include "server/ingest/upload_session.h"
#include "tests/fakes/fault_file_system.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"

namespace marrow {

using Answer = absl::StatusOr<std::optional<v1::UploadResponse>>;

v1::UploadRequest BeginOf(const v1::Manifest& manifest, const std::string& core);
v1::UploadRequest ChunkOf(const std::string& core, std::uint64_t offset, std::uint64_t bytes);
v1::UploadRequest CommitRequest();

// The offset of an Accept; fails the test for any other answer.
std::uint64_t AcceptedOffset(const Answer& answer);

struct UploadOutcome {
  absl::Status status;
  bool committed = false;                // Committed or AlreadyStored was answered
  std::uint64_t acknowledged_bytes = 0;  // by Accept or Progress
};

// A whole upload in chunks of `chunk_bytes`, until the first error.
UploadOutcome RunUpload(Ingestor& ingestor, const v1::Manifest& manifest, const std::string& core,
                        std::uint64_t chunk_bytes);

class TestStore {
 public:
  explicit TestStore(IngestLimits limits = {});

  // (Re)opens everything but the catalog, as a new process would. The status of the first failure.
  absl::Status Open();
  void Close();

  FaultFileSystem& files() { return files_; }
  Catalog& catalog() { return *catalog_; }
  Archive& archive() { return *archive_; }
  Ingestor& ingestor() { return *ingestor_; }
  absl::Time& now() { return now_; }
  // Called once, the next time that anything asks for the time.
  void set_clock_hook(std::function<void()> hook) { clock_hook_ = std::move(hook); }

  // The core as the store gives it back, or the error as text.
  std::string ReadCore(int number);
  // Names in the directory of partial uploads.
  std::vector<std::string> Incoming();

 private:
  absl::Time Clock();

  const IngestLimits limits_;
  std::function<void()> clock_hook_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  TemporaryDirectory directory_;
  FaultFileSystem files_;
  std::unique_ptr<SqliteCatalog> catalog_;
  std::unique_ptr<FileBlobStore> blobs_;
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<Ingestor> ingestor_;
};

}  // namespace marrow
