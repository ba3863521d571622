// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace marrow::agent {

// The text of guest/profiles/default.profile.
extern const std::string_view kDefaultProfile;

}  // namespace marrow::agent
