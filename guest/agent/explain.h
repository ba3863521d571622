// SPDX-License-Identifier: Apache-2.0
// What a profile costs: the graph followed through the living kernel, as the host follows it
// through a dead one.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>
#include <vector>

#include "guest/agent/linux_kernel.h"
#include "guest/agent/plan.h"
#include "guest/graph/walk.h"
#include "guest/profile/result.h"

namespace marrow::agent {

struct Cost {
  // Pages of 4 KiB that nothing before had, in this order: regions, then roots.
  std::uint64_t region_pages = 0;
  graph::WalkReport walk;
  std::uint64_t table_pages = 0;  // page tables that lead to the others
  std::uint64_t total_pages = 0;  // of all, each once
};

// Fails if the plan's graph cannot be followed: no access to kernel memory.
profile::Result<Cost> Measure(const Plan& plan, const LinuxKernel& kernel);

// For people. `name` of the profile; verbose lists each complaint and skipped profile line.
void PrintCost(std::string_view name, const Plan& plan, const Cost& cost, bool verbose,
               std::ostream& out);

}  // namespace marrow::agent
