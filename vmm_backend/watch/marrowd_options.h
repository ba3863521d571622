// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/statusor.h"
#include "vmm_backend/daemon/config.h"

namespace marrow {

// The configuration that the command line asks for: `marrowd --config FILE`, or `marrowd watch`
// with flags for one VM. Prints help, version and usage errors itself and ends the process for
// them, as CLI11 does (status 0, or 2 for a wrong flag).
absl::StatusOr<DaemonConfig> OptionsFromCommandLine(int argc, char** argv);

}  // namespace marrow
