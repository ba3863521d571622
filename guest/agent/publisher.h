// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "guest/profile/resolver.h"
#include "guest/profile/result.h"
#include "marrow/guest.h"

namespace marrow::agent {

using profile::Failure;
using profile::RegionSpec;

// Replaces the window's facts and regions, seen by the host as one change. Ids count from 1. The
// regions must fit (FitTable). On failure what was there before and what was written so far is
// mixed.
std::optional<Failure> Publish(guest::Window& window, const marrow_facts& facts,
                               const std::vector<RegionSpec>& regions);

}  // namespace marrow::agent
