// SPDX-License-Identifier: Apache-2.0
// Profile, kernel and its types in; what to publish out. Pure: the agent runs it in the guest, the
// host over the memory of a guest without an agent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/profile/kernel_types.h"
#include "guest/profile/kernel_view.h"
#include "guest/profile/profile.h"
#include "guest/profile/resolver.h"
#include "marrow/abi.h"

namespace marrow::profile {

// The graph block of a window, as values. header.header_bytes and the counts are set by Encode.
struct GraphTables {
  marrow_graph_header header{};
  std::vector<marrow_type> types = {};
  std::vector<marrow_edge> edges = {};
  std::vector<marrow_root> roots = {};
  std::vector<marrow_lookup> lookups = {};

  bool empty() const { return roots.empty() && lookups.empty(); }
  // The block's bytes, or "" for an empty graph.
  std::string Encode() const;
};

struct Compilation {
  std::vector<RegionSpec> regions = {};  // in the profile's order, none twice
  GraphTables graph = {};
  std::vector<std::string> missing = {};  // lines that gave nothing, and why
  std::vector<std::string> skipped = {};  // as above, but marked optional, or of another version
};

// Never fails: what this kernel lacks is reported line by line, and the rest still stands.
Compilation Compile(const Profile& profile, const KernelView& view, const KernelTypes& types);

}  // namespace marrow::profile
