// SPDX-License-Identifier: Apache-2.0
// The profiles of guest/profiles, compiled in.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace marrow::profile {

// The text of a shipped profile: "log", "crash", "tasks-full".
std::optional<std::string_view> FindShippedProfile(std::string_view name);

// From the smallest to the largest.
std::vector<std::string_view> ShippedProfileNames();

}  // namespace marrow::profile
