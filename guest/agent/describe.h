// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>

#include "guest/agent/plan.h"

namespace marrow::agent {

// The plan as a table for people, with its totals; verbose adds the facts and what was skipped.
void PrintPlan(const Plan& plan, bool verbose, std::ostream& out);

// "a graph of 12 types, 40 edges, 9 roots and 1 lookup tables in 4032 bytes", or "no graph".
std::string DescribeGraph(std::string_view graph);

// "12 pages, 48 KiB"
std::string DescribePages(std::uint64_t pages);

}  // namespace marrow::agent
