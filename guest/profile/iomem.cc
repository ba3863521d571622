// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/iomem.h"

#include "guest/profile/scan.h"

namespace marrow::profile {

std::vector<IomemRange> ParseIomem(std::string_view text) {
  constexpr std::string_view kSeparator = " : ";
  std::vector<IomemRange> ranges;
  while (!text.empty()) {
    const std::string_view line = Trim(TakeLine(&text));
    const std::size_t dash = line.find('-');
    const std::size_t colon = line.find(kSeparator);
    if (dash == line.npos || colon == line.npos || dash > colon) continue;
    const auto start = ParseHex(line.substr(0, dash));
    const auto last = ParseHex(line.substr(dash + 1, colon - dash - 1));
    if (!start || !last || *last < *start || *last == 0 || *last == UINT64_MAX) continue;
    ranges.push_back({*start, *last + 1, std::string(line.substr(colon + kSeparator.size()))});
  }
  return ranges;
}

}  // namespace marrow::profile
