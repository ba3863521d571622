// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include "guest/agent/agent.h"

namespace marrow::agent {

// The plan as a table for people, with its totals; verbose adds the facts and what was skipped.
void PrintPlan(const Plan& plan, bool verbose, std::ostream& out);

}  // namespace marrow::agent
