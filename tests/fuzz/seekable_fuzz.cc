// SPDX-License-Identifier: Apache-2.0
// Any bytes as a stored blob: if it opens, every read within its size either gives bytes or says
// that the blob is damaged, the same by pieces as at once.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/blobs/seekable_reader.h"
#include "tests/fuzz/check.h"

namespace {

constexpr std::uint64_t kMaxReadBytes = 1 << 20;

absl::StatusOr<std::string> Read(const marrow::ByteSource& blob, std::uint64_t offset,
                                 std::size_t bytes) {
  std::string out(bytes, '\0');
  absl::Status status = blob.ReadAt(offset, std::as_writable_bytes(std::span(out)));
  MARROW_FUZZ_CHECK(status.ok() || absl::IsDataLoss(status));
  if (!status.ok()) return status;
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto blob = marrow::SeekableReader::Open(std::make_unique<marrow::SpanSource>(bytes));
  MARROW_FUZZ_CHECK(blob.ok() || absl::IsDataLoss(blob.status()));
  if (!blob.ok()) return 0;
  const auto length = static_cast<std::size_t>(std::min((*blob)->size(), kMaxReadBytes));
  const auto whole = Read(**blob, 0, length);
  const auto head = Read(**blob, 0, length / 3);
  const auto tail = Read(**blob, length / 3, length - length / 3);
  if (whole.ok()) MARROW_FUZZ_CHECK(head.ok() && tail.ok() && *head + *tail == *whole);
  return 0;
}
