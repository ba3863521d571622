// SPDX-License-Identifier: Apache-2.0
// What to publish of a kernel, as a value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "guest/agent/linux_kernel.h"
#include "guest/profile/profile.h"
#include "guest/profile/table_fit.h"
#include "marrow/abi.h"

namespace marrow::agent {

using profile::FittedTable;
using profile::Profile;

struct Plan {
  marrow_facts facts{};
  FittedTable table;
  std::string graph;                 // a sound graph block (marrow/abi.h), or ""
  std::vector<std::string> losses;   // sources or space that are missing, and what that costs
  std::vector<std::string> missing;  // profile lines that gave nothing, and why
  std::vector<std::string> skipped;  // as above, but marked optional or of another kernel version
};

// Bytes that the largest window has for table and graph together.
inline constexpr std::size_t kLargestRoom = MARROW_WINDOW_MAX_BYTES - MARROW_HEADER_BYTES;

// Decides what to publish in a window that has `room` bytes for table and graph. A graph that would
// push regions out is left out instead: the regions hold what every dump needs first.
Plan MakePlan(const Profile& profile, const LinuxKernel& kernel, std::size_t room);
// Reads the kernel under `root` first, and forgets it again.
Plan MakePlan(const Profile& profile, const std::string& root, std::size_t room);

// The header of a plan's graph; all 0 without a graph.
marrow_graph_header GraphHeaderOf(std::string_view graph);

}  // namespace marrow::agent
