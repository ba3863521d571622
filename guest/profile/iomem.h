// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace marrow::profile {

// A line of /proc/iomem: guest-physical [start, end).
struct IomemRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::string name;
};

// All lines of every depth in the file's order. Lines of another form, and those whose addresses
// are hidden from unprivileged readers (0-0), are skipped.
std::vector<IomemRange> ParseIomem(std::string_view text);

}  // namespace marrow::profile
