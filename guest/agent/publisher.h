// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "guest/agent/plan.h"
#include "guest/profile/result.h"
#include "marrow/guest.h"

namespace marrow::agent {

using profile::Failure;

// Replaces the window's facts, regions and graph, seen by the host as one change. Ids count from 1.
// The plan must fit (MakePlan). On failure what was there before and what was written so far is
// mixed.
std::optional<Failure> Publish(guest::Window& window, const Plan& plan);

}  // namespace marrow::agent
