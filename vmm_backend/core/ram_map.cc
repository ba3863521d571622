// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/ram_map.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_format.h"

namespace marrow {

absl::StatusOr<RamMap> RamMap::Make(std::vector<GpaRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const GpaRange& a, const GpaRange& b) { return a.begin < b.begin; });
  RamMap map;
  for (const GpaRange& range : ranges) {
    if (range.bytes == 0 || range.bytes % kPageBytes != 0 || Raw(range.begin) % kPageBytes != 0 ||
        !CheckedAdd(Raw(range.begin), range.bytes)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("RAM range at gpa %#x of %d bytes is empty, unaligned or wraps",
                          Raw(range.begin), range.bytes));
    }
    GpaRange* last = map.ranges_.empty() ? nullptr : &map.ranges_.back();
    if (last != nullptr && last->end() > Raw(range.begin)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("RAM ranges overlap at gpa %#x", Raw(range.begin)));
    }
    if (last != nullptr && last->end() == Raw(range.begin)) {
      last->bytes += range.bytes;
    } else {
      map.ranges_.push_back(range);
    }
  }
  return map;
}

std::uint64_t RamMap::bytes() const {
  std::uint64_t sum = 0;
  for (const GpaRange& range : ranges_) sum += range.bytes;
  return sum;
}

std::uint64_t RamMap::NextRam(std::uint64_t address) const {
  for (const GpaRange& range : ranges_) {
    if (range.end() > address) return std::max(address, Raw(range.begin));
  }
  return std::numeric_limits<std::uint64_t>::max();
}

bool RamMap::Contains(Gpa gpa, std::uint64_t size) const {
  const auto end = CheckedAdd(Raw(gpa), size);
  if (!end) return false;
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const GpaRange& range) {
    return range.begin <= gpa && *end <= range.end();
  });
}

}  // namespace marrow
