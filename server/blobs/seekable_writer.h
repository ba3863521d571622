// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

// Content bytes in a frame: what a random read has to decompress at most.
inline constexpr std::uint32_t kSeekFrameBytes = 256 << 10;

// Writes `content` to `sink` as zstd frames of kSeekFrameBytes each, then the seek table. `observe`
// sees the content, in order, as it passes. Returns the first error of either side.
absl::Status WriteSeekable(const ByteSource& content, int level, ByteSink& sink,
                           const std::function<void(Bytes)>& observe);

}  // namespace marrow
