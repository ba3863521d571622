// SPDX-License-Identifier: Apache-2.0
#include "server/cli/hex_dump.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace marrow::cli {
namespace {

constexpr std::size_t kLineBytes = 16;

}  // namespace

std::string HexDump(std::uint64_t address, Bytes bytes) {
  std::string out;
  for (std::size_t start = 0; start < bytes.size(); start += kLineBytes) {
    const Bytes line = bytes.subspan(start, std::min(kLineBytes, bytes.size() - start));
    absl::StrAppendFormat(&out, "%016x:", address + start);
    for (std::size_t i = 0; i < kLineBytes; ++i) {
      if (i % 2 == 0) out.push_back(' ');
      if (i < line.size()) {
        absl::StrAppendFormat(&out, "%02x", static_cast<unsigned>(line[i]));
      } else {
        out.append("  ");
      }
    }
    out.append("  ");
    for (const std::byte byte : line) {
      const auto c = static_cast<unsigned char>(byte);
      out.push_back(c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '.');
    }
    out.push_back('\n');
  }
  return out;
}

}  // namespace marrow::cli
