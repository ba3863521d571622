// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "server/cli/environment.h"
#include "server/cli/exit_code.h"

namespace marrow::cli {

// Runs `marrow` with these arguments (without the program's name).
ExitCode RunCli(const std::vector<std::string>& arguments, Environment& environment);

}  // namespace marrow::cli
