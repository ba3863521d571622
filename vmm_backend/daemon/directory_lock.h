// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "vmm_backend/posix/fd.h"

namespace marrow {

// Makes the directory if need be and locks it (flock) until the descriptor is closed, by whatever
// end of the process. FailedPrecondition if another process holds it.
absl::StatusOr<UniqueFd> LockDirectory(const std::string& path);

}  // namespace marrow
