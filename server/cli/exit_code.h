// SPDX-License-Identifier: Apache-2.0
// How a command ends: the exit code and the line on standard error.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace marrow::cli {

// Documented in --help; scripts depend on the numbers.
enum class ExitCode {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kNotFound = 3,
  kUnavailable = 4,
  kRefused = 5,
};

ExitCode ExitCodeOf(const absl::Status& error);

// "marrow: <message> [REASON]; <what to do>", one printable line without an end of line.
std::string ErrorLine(const absl::Status& error);

}  // namespace marrow::cli
