// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/sys/proc_maps.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "vmm_backend/base/address.h"

namespace marrow {
namespace {

// "a-b" or "a:b", both hexadecimal.
bool HexPair(absl::string_view text, char separator, std::uint64_t& first, std::uint64_t& second) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(separator, 1));
  return absl::SimpleHexAtoi(parts.first, &first) && absl::SimpleHexAtoi(parts.second, &second);
}

bool ParseLine(absl::string_view line, ProcessMapping& mapping) {
  const std::vector<absl::string_view> fields =
      absl::StrSplit(line, absl::MaxSplits(' ', 5), absl::SkipEmpty());
  if (fields.size() < 5 || fields[1].size() != 4) return false;
  mapping.shared = fields[1][3] == 's';
  return HexPair(fields[0], '-', mapping.begin, mapping.end) && mapping.begin < mapping.end &&
         absl::SimpleHexAtoi(fields[2], &mapping.file_offset) &&
         HexPair(fields[3], ':', mapping.device_major, mapping.device_minor) &&
         absl::SimpleAtoi(absl::StripAsciiWhitespace(fields[4]), &mapping.inode);
}

}  // namespace

absl::StatusOr<std::vector<ProcessMapping>> ParseProcMaps(absl::string_view text) {
  std::vector<ProcessMapping> mappings;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    ProcessMapping mapping;
    if (!ParseLine(line, mapping)) {
      return absl::InvalidArgumentError(absl::StrCat("not a line of /proc/PID/maps: ", line));
    }
    mappings.push_back(mapping);
  }
  return mappings;
}

absl::StatusOr<std::vector<ProcessMapping>> CutMappings(const std::vector<ProcessMapping>& mappings,
                                                        std::uint64_t address,
                                                        std::uint64_t bytes) {
  const auto end = CheckedAdd(address, bytes);
  if (!end) return absl::InvalidArgumentError("address range wraps");
  std::vector<ProcessMapping> pieces;
  for (const ProcessMapping& mapping : mappings) {
    if (address >= *end) break;
    if (mapping.end <= address) continue;
    if (mapping.begin > address) break;
    ProcessMapping piece = mapping;
    piece.begin = address;
    piece.end = std::min(mapping.end, *end);
    piece.file_offset += address - mapping.begin;
    pieces.push_back(piece);
    address = piece.end;
  }
  if (address < *end) {
    return absl::NotFoundError(absl::StrFormat("address %#x is not mapped", address));
  }
  return pieces;
}

}  // namespace marrow
