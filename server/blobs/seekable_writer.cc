// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/seekable_writer.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/blobs/seek_table.h"

namespace marrow {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// A context that puts a checksum into each frame.
absl::StatusOr<std::unique_ptr<ZSTD_CCtx, FreeContext>> MakeContext(int level) {
  std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (!context) return absl::ResourceExhaustedError("zstd: out of memory");
  for (const auto& [parameter, value] :
       {std::pair{ZSTD_c_compressionLevel, level}, std::pair{ZSTD_c_checksumFlag, 1}}) {
    const std::size_t result = ZSTD_CCtx_setParameter(context.get(), parameter, value);
    if (ZSTD_isError(result) != 0) {
      return absl::InvalidArgumentError(absl::StrCat("zstd: ", ZSTD_getErrorName(result)));
    }
  }
  return context;
}

}  // namespace

absl::Status WriteSeekable(const ByteSource& content, int level, ByteSink& sink,
                           const std::function<void(Bytes)>& observe) {
  auto context = MakeContext(level);
  if (!context.ok()) return context.status();
  std::vector<std::byte> plain(kSeekFrameBytes);
  std::vector<std::byte> packed(ZSTD_compressBound(kSeekFrameBytes));
  std::vector<SeekFrame> frames;
  for (std::uint64_t offset = 0; offset < content.size(); offset += kSeekFrameBytes) {
    const auto n =
        static_cast<std::size_t>(std::min<std::uint64_t>(kSeekFrameBytes, content.size() - offset));
    const MutableBytes piece(plain.data(), n);
    if (absl::Status s = content.ReadAt(offset, piece); !s.ok()) return s;
    observe(piece);
    const std::size_t size =
        ZSTD_compress2(context->get(), packed.data(), packed.size(), piece.data(), n);
    if (ZSTD_isError(size) != 0) {
      return absl::InternalError(absl::StrCat("zstd: ", ZSTD_getErrorName(size)));
    }
    if (absl::Status s = sink.Write(Bytes(packed.data(), size)); !s.ok()) return s;
    frames.push_back({static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(n)});
  }
  return sink.Write(AsBytes(EncodeSeekTable(frames)));
}

}  // namespace marrow
