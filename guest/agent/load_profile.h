// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "guest/profile/profile.h"
#include "guest/profile/result.h"

namespace marrow::agent {

// The profile that the user names: a shipped one, else a file.
profile::Result<profile::Profile> LoadProfile(const std::string& name_or_file);

}  // namespace marrow::agent
