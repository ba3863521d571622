// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/flat_view.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace marrow {
namespace {

constexpr std::size_t kMostRanges = 4096;

// "first-last (prio 0, ram): name": true and `range` set if the line is main memory.
bool ParseRamLine(absl::string_view line, GpaRange& range) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(absl::StripAsciiWhitespace(line), absl::MaxSplits(' ', 1));
  if (!absl::StartsWith(parts.second, "(prio 0, ram):")) return false;
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(parts.first, absl::MaxSplits('-', 1));
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  if (!absl::SimpleHexAtoi(ends.first, &first) || !absl::SimpleHexAtoi(ends.second, &last) ||
      last < first || last - first == ~std::uint64_t{0}) {
    return false;
  }
  range = {Gpa{first}, last - first + 1};
  return range.bytes % kPageBytes == 0 && first % kPageBytes == 0;
}

}  // namespace

absl::StatusOr<std::vector<GpaRange>> ParseFlatView(absl::string_view text) {
  std::vector<GpaRange> ranges;
  bool in_view = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "FlatView #")) {
      if (in_view) break;
    } else if (absl::StartsWith(line, " AS \"memory\",")) {
      in_view = true;
    } else if (GpaRange range; in_view && ParseRamLine(line, range)) {
      ranges.push_back(range);
      if (ranges.size() > kMostRanges) {
        return absl::InvalidArgumentError("info mtree -f: too many RAM ranges");
      }
    }
  }
  if (ranges.empty()) {
    return absl::InvalidArgumentError(
        "info mtree -f shows no RAM in the address space \"memory\": is this a QEMU newer than we "
        "know?");
  }
  return ranges;
}

absl::StatusOr<std::uint64_t> ParseGpa2Hva(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  const std::size_t is = text.rfind(" is 0x");
  std::uint64_t hva = 0;
  if (!absl::StartsWith(text, "Host virtual address for ") || is == absl::string_view::npos ||
      !absl::SimpleHexAtoi(text.substr(is + 4), &hva)) {
    return absl::InvalidArgumentError(absl::StrCat("gpa2hva: ", text.substr(0, 200)));
  }
  return hva;
}

}  // namespace marrow
