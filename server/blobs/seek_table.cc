// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/seek_table.h"

#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

constexpr std::uint32_t kSkippableMagic = 0x184D2A5E;
constexpr std::uint32_t kSeekableMagic = 0x8F92EAB1;
constexpr std::size_t kHeaderBytes = 8;
constexpr std::size_t kFooterBytes = 9;
constexpr std::size_t kEntryBytes = 8;
constexpr std::size_t kChecksumBytes = 4;
constexpr std::uint8_t kChecksumFlag = 0x80;
constexpr std::uint8_t kReservedBits = 0x7c;

void AppendU32(std::string& out, std::uint32_t value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(value));
  StoreAt(std::as_writable_bytes(std::span(out)), at, value);
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("seek table: ", what));
}

struct Footer {
  std::uint64_t frames = 0;
  std::size_t entry_bytes = 0;
  std::uint64_t table_bytes = 0;  // with header and footer
};

absl::StatusOr<Footer> ReadFooter(const ByteSource& file) {
  if (file.size() < kHeaderBytes + kFooterBytes) return Damaged("the file is too short for one");
  std::array<std::byte, kFooterBytes> bytes;
  if (absl::Status s = file.ReadAt(file.size() - bytes.size(), bytes); !s.ok()) return s;
  if (LoadAt<std::uint32_t>(bytes, 5) != kSeekableMagic) return Damaged("no magic at the end");
  const auto descriptor = LoadAt<std::uint8_t>(bytes, 4);
  if ((descriptor & kReservedBits) != 0) return Damaged("reserved bits are set");
  Footer footer;
  footer.frames = LoadAt<std::uint32_t>(bytes, 0);
  footer.entry_bytes = kEntryBytes + ((descriptor & kChecksumFlag) != 0 ? kChecksumBytes : 0);
  footer.table_bytes = kHeaderBytes + footer.frames * footer.entry_bytes + kFooterBytes;
  if (footer.table_bytes > file.size()) return Damaged("more frames than the file can hold");
  return footer;
}

}  // namespace

std::string EncodeSeekTable(const std::vector<SeekFrame>& frames) {
  std::string out;
  AppendU32(out, kSkippableMagic);
  AppendU32(out, static_cast<std::uint32_t>(frames.size() * kEntryBytes + kFooterBytes));
  for (const SeekFrame& frame : frames) {
    AppendU32(out, frame.compressed_bytes);
    AppendU32(out, frame.content_bytes);
  }
  AppendU32(out, static_cast<std::uint32_t>(frames.size()));
  out.push_back('\0');
  AppendU32(out, kSeekableMagic);
  return out;
}

absl::StatusOr<std::vector<SeekFrame>> ReadSeekTable(const ByteSource& file,
                                                     std::uint32_t max_content_bytes) {
  const absl::StatusOr<Footer> footer = ReadFooter(file);
  if (!footer.ok()) return footer.status();
  const std::uint64_t frames_bytes = file.size() - footer->table_bytes;
  std::vector<std::byte> table(footer->table_bytes - kFooterBytes);
  if (absl::Status s = file.ReadAt(frames_bytes, table); !s.ok()) return s;
  if (LoadAt<std::uint32_t>(table, 0) != kSkippableMagic ||
      LoadAt<std::uint32_t>(table, 4) != footer->table_bytes - kHeaderBytes) {
    return Damaged("its frame does not begin where its size says");
  }
  std::vector<SeekFrame> frames;
  frames.reserve(footer->frames);
  std::uint64_t sum = 0;
  for (std::size_t at = kHeaderBytes; at < table.size(); at += footer->entry_bytes) {
    const SeekFrame frame{LoadAt<std::uint32_t>(table, at), LoadAt<std::uint32_t>(table, at + 4)};
    if (frame.content_bytes > max_content_bytes) return Damaged("a frame is too large");
    sum += frame.compressed_bytes;
    frames.push_back(frame);
  }
  if (sum != frames_bytes) return Damaged("its frames do not fill the file");
  return frames;
}

}  // namespace marrow
