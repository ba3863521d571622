// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "guest/profile/resolver.h"

namespace marrow::profile {

struct FittedTable {
  std::vector<RegionSpec> regions;  // at most the capacity
  std::vector<RegionSpec> dropped;
};

// Regions as they are while they fit. Else neighbours of one kind and class that touch the same or
// adjacent pages are joined, gap included, which costs names but captures no further page; what is
// still too much is dropped from the end of the list. Pure.
FittedTable FitTable(std::vector<RegionSpec> regions, std::size_t capacity);

struct TableSize {
  std::uint64_t bytes = 0;  // sum over the regions
  std::uint64_t pages = 0;  // distinct pages of 4096 bytes; a page by gpa and by gva counts twice
};

TableSize SizeOfTable(std::vector<RegionSpec> regions);

}  // namespace marrow::profile
