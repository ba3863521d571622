// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/blobs/blob_store.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {

// One file for each blob, <directory>/ab/<64 hex digits>.zst, in the zstd seekable format: `zstd
// -d` gives back the content. A name appears only when the bytes behind it are on stable storage.
class FileBlobStore final : public BlobStore {
 public:
  // Creates `directory` if need be and removes what an earlier process left half-written; no other
  // process may use it. `files` must outlive the store. `level` is zstd's.
  static absl::StatusOr<std::unique_ptr<FileBlobStore>> Open(FileSystem& files,
                                                             std::string directory, int level = 3);

  absl::StatusOr<BlobInfo> Put(const Sha256Digest& digest, const ByteSource& content) override;
  absl::StatusOr<std::unique_ptr<ByteSource>> Open(const Sha256Digest& digest) override;
  absl::StatusOr<BlobInfo> Stat(const Sha256Digest& digest) override;
  absl::Status Remove(const Sha256Digest& digest) override;
  absl::Status ForEach(const std::function<absl::Status(const Sha256Digest&)>& visit) override;

 private:
  FileBlobStore(FileSystem& files, std::string directory, int level)
      : files_(files), directory_(std::move(directory)), level_(level) {}

  std::string Shard(const Sha256Digest& digest) const;
  std::string Path(const Sha256Digest& digest) const;
  using FileVisitor =
      std::function<absl::Status(const std::string& shard, const std::string& name)>;
  absl::Status ForEachFile(const FileVisitor& visit);
  absl::Status RemoveTemporaries();
  // Whether there is a blob and all of it can be read back as it was put.
  bool Holds(const Sha256Digest& digest);
  // The compressed blob in a synced temporary file, or an error and no file.
  absl::Status WriteTemporary(const std::string& path, const Sha256Digest& digest,
                              const ByteSource& content);

  FileSystem& files_;
  const std::string directory_;
  const int level_;
  std::atomic<std::uint64_t> temporaries_{0};  // for names of their own
};

}  // namespace marrow
