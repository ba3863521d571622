// SPDX-License-Identifier: Apache-2.0
// All durable file work of the spool and the store goes through this interface, so that tests can
// fail the n-th operation and drop what was not synced (tests/fakes/fault_file_system.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

// An open file. Closed by its destructor. Not thread-safe, but for ReadAt and size.
class File : public ByteSource {
 public:
  virtual absl::Status Append(Bytes bytes) = 0;
  // Returns when the file's data and size are on stable storage (fdatasync).
  virtual absl::Status Sync() = 0;
  virtual absl::Status Truncate(std::uint64_t size_bytes) = 0;
};

// Thread-safe. Errors are those of ErrnoStatus, with the path.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& path) = 0;
  // AlreadyExists if there is one. Mode 0600.
  virtual absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) = 0;
  // An existing file; Append continues at its end.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenForAppend(const std::string& path) = 0;
  // An existing file or a new one, as Create and OpenForAppend give it, that no other open file of
  // this function's shares until it is closed, in whatever process. FailedPrecondition if one does.
  // Whoever renames or removes such a file does so while it is open.
  virtual absl::StatusOr<std::unique_ptr<File>> OpenExclusively(const std::string& path) = 0;
  // Replaces `to`. Durable only after SyncDirectory on the parents.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status Remove(const std::string& path) = 0;
  // fsync on the directory: names created, renamed and removed in it are then durable.
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
  // Mode 0700; parents too; fine if it exists.
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  // Names of the entries, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& path) = 0;
  // What an unprivileged writer may still use on the file system that holds `path`.
  virtual absl::StatusOr<std::uint64_t> FreeBytes(const std::string& path) = 0;
};

// The machine's own file system.
std::unique_ptr<FileSystem> MakePosixFileSystem();

// Creates or replaces `path` so that after any crash it holds the old or the new bytes, never a
// mix: temporary beside it, sync, rename, sync of the directory. The temporary is removed on
// failure.
absl::Status WriteFileDurably(FileSystem& files, const std::string& path, Bytes bytes);

// The whole file; ResourceExhausted if it is larger than `limit_bytes`.
absl::StatusOr<std::string> ReadWholeFile(FileSystem& files, const std::string& path,
                                          std::uint64_t limit_bytes);

// "a/b" from "a/b/c"; "." where there is no slash.
std::string ParentDirectory(const std::string& path);

}  // namespace marrow
