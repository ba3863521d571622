// SPDX-License-Identifier: Apache-2.0
// The seek table of the zstd seekable format 0.1.0: a skippable frame at the end of a file of
// independent zstd frames that says how large each one is, compressed and not. Decoders that do not
// know it skip it, so `zstd -d` reads the whole file.
//
//   u32 0x184D2A5E  u32 size of the rest
//   for each frame: u32 compressed size, u32 content size [, u32 checksum]
//   u32 number of frames, u8 descriptor (bit 7: entries have checksums), u32 0x8F92EAB1
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

struct SeekFrame {
  std::uint32_t compressed_bytes = 0;
  std::uint32_t content_bytes = 0;
};

// Without checksums: each zstd frame carries its own.
std::string EncodeSeekTable(const std::vector<SeekFrame>& frames);

// The table at the end of `file`. DataLoss unless it is there, well-formed, and its frames fill the
// file exactly and hold at most `max_content_bytes` each.
absl::StatusOr<std::vector<SeekFrame>> ReadSeekTable(const ByteSource& file,
                                                     std::uint32_t max_content_bytes);

}  // namespace marrow
