// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/seekable_reader.h"

#include <zstd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

// What a table may claim; our own writer uses 256 KiB.
constexpr std::uint32_t kMaxFrameBytes = 8 << 20;
// The printk ring alone is read at three places by turns.
constexpr std::size_t kCachedFrames = 8;

}  // namespace

absl::StatusOr<std::unique_ptr<SeekableReader>> SeekableReader::Open(
    std::unique_ptr<ByteSource> file) {
  const absl::StatusOr<std::vector<SeekFrame>> frames = ReadSeekTable(*file, kMaxFrameBytes);
  if (!frames.ok()) return frames.status();
  return std::unique_ptr<SeekableReader>(new SeekableReader(std::move(file), *frames));
}

SeekableReader::SeekableReader(std::unique_ptr<ByteSource> file,
                               const std::vector<SeekFrame>& frames)
    : file_(std::move(file)) {
  std::uint64_t file_offset = 0;
  for (const SeekFrame& frame : frames) {
    // Frames without content would make FrameAt ambiguous and have nothing to read.
    if (frame.content_bytes > 0) frames_.push_back({frame, file_offset, content_bytes_});
    file_offset += frame.compressed_bytes;
    content_bytes_ += frame.content_bytes;
  }
}

std::size_t SeekableReader::FrameAt(std::uint64_t content_offset) const {
  const auto after = std::upper_bound(
      frames_.begin(), frames_.end(), content_offset,
      [](std::uint64_t offset, const Frame& frame) { return offset < frame.content_offset; });
  return static_cast<std::size_t>(after - frames_.begin()) - 1;
}

absl::StatusOr<std::vector<std::byte>> SeekableReader::Decompress(std::size_t index) const {
  const Frame& frame = frames_[index];
  std::vector<std::byte> packed(frame.bytes.compressed_bytes);
  if (absl::Status s = file_->ReadAt(frame.file_offset, packed); !s.ok()) return s;
  std::vector<std::byte> content(frame.bytes.content_bytes);
  const std::size_t size =
      ZSTD_decompress(content.data(), content.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0) {
    return absl::DataLossError(
        absl::StrCat("frame ", index, " is damaged: ", ZSTD_getErrorName(size)));
  }
  if (size != content.size()) {
    return absl::DataLossError(
        absl::StrCat("frame ", index, " has ", size, " bytes instead of ", content.size()));
  }
  return content;
}

absl::StatusOr<Bytes> SeekableReader::Content(std::size_t index) const {
  const auto cached = std::find_if(cache_.begin(), cache_.end(),
                                   [&](const CachedFrame& frame) { return frame.index == index; });
  if (cached != cache_.end()) {
    cache_.splice(cache_.begin(), cache_, cached);
    return Bytes(cache_.front().content);
  }
  absl::StatusOr<std::vector<std::byte>> content = Decompress(index);
  if (!content.ok()) return content.status();
  cache_.push_front({index, *std::move(content)});
  if (cache_.size() > kCachedFrames) cache_.pop_back();
  return Bytes(cache_.front().content);
}

absl::Status SeekableReader::ReadAt(std::uint64_t offset, MutableBytes out) const {
  if (offset > content_bytes_ || out.size() > content_bytes_ - offset) {
    return absl::OutOfRangeError(
        absl::StrCat("read past the end of a blob of ", content_bytes_, " bytes"));
  }
  const std::lock_guard lock(mutex_);
  while (!out.empty()) {
    const std::size_t index = FrameAt(offset);
    const absl::StatusOr<Bytes> content = Content(index);
    if (!content.ok()) return content.status();
    const auto skip = static_cast<std::size_t>(offset - frames_[index].content_offset);
    const std::size_t n = std::min(out.size(), content->size() - skip);
    std::copy_n(content->begin() + static_cast<std::ptrdiff_t>(skip), n, out.begin());
    out = out.subspan(n);
    offset += n;
  }
  return absl::OkStatus();
}

}  // namespace marrow
