// SPDX-License-Identifier: Apache-2.0
// The bytes of an upload that is not committed yet, on disk: <id>.part holds them, <id>.begin says
// whose they are and how many of them are known to be on stable storage.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/base/sha256.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {

struct UploadIdentity {
  std::string dump_id;  // a ULID: safe as a file name
  std::uint64_t core_bytes = 0;
  Sha256Digest core_sha256{};
};

// Content of <id>.begin.
struct BeginRecord {
  std::uint64_t core_bytes = 0;
  Sha256Digest core_sha256{};
  std::uint64_t durable_bytes = 0;
  absl::Time updated;  // whole seconds
};

std::string EncodeBeginRecord(const BeginRecord& record);
// DataLoss for text that EncodeBeginRecord did not make.
absl::StatusOr<BeginRecord> DecodeBeginRecord(absl::string_view text);

// Not thread-safe. At most one object for an id at any time.
class PartialUpload {
 public:
  // Continues at the last checkpoint of the same upload, if there is one in `directory`; else
  // starts empty, and whatever else was there under that id is gone. `files` must outlive it.
  static absl::StatusOr<std::unique_ptr<PartialUpload>> Open(FileSystem& files,
                                                             std::string directory,
                                                             UploadIdentity identity);

  const UploadIdentity& identity() const { return identity_; }
  const ByteSource& content() const { return *file_; }
  std::uint64_t size_bytes() const { return size_bytes_; }
  std::uint64_t durable_bytes() const { return durable_bytes_; }

  // After a failure the object must be dropped: what is on disk behind the last checkpoint is
  // unknown, and Open cuts it off.
  absl::Status Append(Bytes bytes);
  // When it returns OK, all bytes so far survive any crash.
  absl::Status Checkpoint(absl::Time now);

 private:
  PartialUpload(FileSystem& files, std::string directory, UploadIdentity identity)
      : files_(files), directory_(std::move(directory)), identity_(std::move(identity)) {}
  // The file cut to its last checkpoint, or NotFound.
  absl::Status Resume();

  FileSystem& files_;
  const std::string directory_;
  const UploadIdentity identity_;
  std::unique_ptr<File> file_;
  std::uint64_t size_bytes_ = 0;
  std::uint64_t durable_bytes_ = 0;
};

std::string PartPath(absl::string_view directory, absl::string_view dump_id);
std::string BeginPath(absl::string_view directory, absl::string_view dump_id);

// NotFound if there is no checkpoint of that id, DataLoss if it is damaged.
absl::StatusOr<BeginRecord> ReadBeginRecord(FileSystem& files, absl::string_view directory,
                                            absl::string_view dump_id);

// Removes every file of that upload; fine if there is none.
absl::Status RemovePartialUpload(FileSystem& files, absl::string_view directory,
                                 absl::string_view dump_id);

}  // namespace marrow
