// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/carve/core_vm.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

namespace marrow {

absl::StatusOr<CoreMemory> CoreMemory::Open(const CoreReader& core) {
  std::vector<GpaRange> ranges;
  for (const CoreSegment& segment : core.segments()) {
    const std::uint64_t begin = Raw(segment.paddr);
    // Part of a page is not worth the care: cores hold whole ones.
    const std::uint64_t first = PageDown(begin) == begin ? begin : PageDown(begin) + kPageBytes;
    const std::uint64_t end = PageDown(begin + segment.memory_bytes);
    if (first < end) ranges.push_back({.begin = Gpa{first}, .bytes = end - first});
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const GpaRange& a, const GpaRange& b) { return a.begin < b.begin; });
  std::vector<GpaRange> apart;
  for (const GpaRange& range : ranges) {
    if (apart.empty() || Raw(range.begin) > apart.back().end()) {
      apart.push_back(range);
    } else if (range.end() > apart.back().end()) {
      apart.back().bytes = range.end() - Raw(apart.back().begin);
    }
  }
  if (apart.empty()) return absl::InvalidArgumentError("the core holds no memory");
  absl::StatusOr<RamMap> ram = RamMap::Make(std::move(apart));
  if (!ram.ok()) return ram.status();
  return CoreMemory(core, *std::move(ram));
}

absl::Status CoreMemory::Read(Gpa gpa, MutableBytes out) const {
  if (!ram_.Contains(gpa, out.size())) return absl::OutOfRangeError("not in the core");
  return core_->ReadPhysical(gpa, out);
}

}  // namespace marrow
