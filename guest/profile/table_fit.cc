// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/table_fit.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace marrow::profile {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

struct Ranked {
  RegionSpec region;
  std::size_t rank;  // position in the list
};

std::uint64_t End(const RegionSpec& region) { return region.address + region.bytes; }
std::uint64_t FirstPage(const RegionSpec& region) { return region.address / kPageBytes; }
std::uint64_t LastPage(const RegionSpec& region) { return (End(region) - 1) / kPageBytes; }

bool CanJoin(const RegionSpec& low, const RegionSpec& high) {
  return low.kind == high.kind && low.region_class == high.region_class &&
         FirstPage(high) <= LastPage(low) + 1;
}

void Join(const Ranked& high, Ranked* low) {
  low->region.bytes = std::max(End(low->region), End(high.region)) - low->region.address;
  if (!low->region.name.ends_with('+')) low->region.name += '+';
  low->rank = std::min(low->rank, high.rank);
}

}  // namespace

FittedTable FitTable(std::vector<RegionSpec> regions, std::size_t capacity) {
  if (regions.size() <= capacity) return {std::move(regions), {}};
  std::vector<Ranked> sorted;
  for (RegionSpec& region : regions) sorted.push_back({std::move(region), sorted.size()});
  std::sort(sorted.begin(), sorted.end(), [](const Ranked& a, const Ranked& b) {
    return std::tie(a.region.kind, a.region.region_class, a.region.address) <
           std::tie(b.region.kind, b.region.region_class, b.region.address);
  });
  std::vector<Ranked> joined;
  std::size_t count = sorted.size();
  for (Ranked& next : sorted) {
    if (count > capacity && !joined.empty() && CanJoin(joined.back().region, next.region)) {
      Join(next, &joined.back());
      --count;
    } else {
      joined.push_back(std::move(next));
    }
  }
  std::sort(joined.begin(), joined.end(),
            [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; });
  FittedTable table;
  for (Ranked& entry : joined) {
    auto& list = table.regions.size() < capacity ? table.regions : table.dropped;
    list.push_back(std::move(entry.region));
  }
  return table;
}

TableSize SizeOfTable(std::vector<RegionSpec> regions) {
  std::sort(regions.begin(), regions.end(), [](const RegionSpec& a, const RegionSpec& b) {
    return std::tie(a.kind, a.address) < std::tie(b.kind, b.address);
  });
  TableSize size;
  std::uint64_t next_page = 0;  // the first page not counted yet
  for (std::size_t i = 0; i < regions.size(); ++i) {
    if (i == 0 || regions[i].kind != regions[i - 1].kind) next_page = 0;
    size.bytes += regions[i].bytes;
    const std::uint64_t first = std::max(next_page, FirstPage(regions[i]));
    const std::uint64_t end = LastPage(regions[i]) + 1;
    if (end > first) size.pages += end - first;
    next_page = std::max(next_page, end);
  }
  return size;
}

}  // namespace marrow::profile
