// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/blobs/seek_table.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

// The content of a file in the zstd seekable format, by random access. The last few frames read
// are kept, so that readers that alternate between places do not decompress each time.
// Thread-safe.
class SeekableReader final : public ByteSource {
 public:
  // DataLoss if the seek table is damaged, else the file's errors.
  static absl::StatusOr<std::unique_ptr<SeekableReader>> Open(std::unique_ptr<ByteSource> file);

  std::uint64_t size() const override { return content_bytes_; }
  // DataLoss if a frame does not decompress to what the table and its checksum say.
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override;

 private:
  struct Frame {
    SeekFrame bytes;
    std::uint64_t file_offset = 0;
    std::uint64_t content_offset = 0;
  };
  struct CachedFrame {
    std::size_t index = 0;
    std::vector<std::byte> content;
  };

  SeekableReader(std::unique_ptr<ByteSource> file, const std::vector<SeekFrame>& frames);
  std::size_t FrameAt(std::uint64_t content_offset) const;
  absl::StatusOr<std::vector<std::byte>> Decompress(std::size_t index) const;
  // The cached frame, read if need be. Valid until the next call; needs mutex_.
  absl::StatusOr<Bytes> Content(std::size_t index) const;

  std::unique_ptr<ByteSource> file_;
  std::vector<Frame> frames_;
  std::uint64_t content_bytes_ = 0;
  mutable std::mutex mutex_;
  mutable std::list<CachedFrame> cache_;  // most recently used first
};

}  // namespace marrow
