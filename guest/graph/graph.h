// SPDX-License-Identifier: Apache-2.0
// The graph block of a window, taken apart and checked.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "guest/profile/result.h"
#include "marrow/abi.h"

namespace marrow::graph {

// A valid graph: all indices are in range, all counts and kinds as the specification wants them.
struct Graph {
  marrow_graph_header header{};
  std::vector<marrow_type> types = {};
  std::vector<marrow_edge> edges = {};
  std::vector<marrow_root> roots = {};
  std::vector<marrow_lookup> lookups = {};
};

// `block` is a private copy of what lies at graph_offset. The failure names the first entry that
// breaks the specification.
profile::Result<Graph> ParseGraph(std::span<const std::byte> block);

}  // namespace marrow::graph
