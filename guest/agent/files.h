// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "guest/profile/result.h"

namespace marrow::agent {

using profile::Result;

// All of a file, pseudo files without a size included. The failure is "<path>: <reason>".
Result<std::string> ReadFile(const std::string& path);

}  // namespace marrow::agent
