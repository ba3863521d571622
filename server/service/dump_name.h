// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace marrow {

// The id in "dumps/{dump_id}". InvalidArgument, reason NAME_INVALID, for anything else.
absl::StatusOr<std::string> ParseDumpName(absl::string_view name);

// What a client is told when a stored core cannot be read: reason CORE_DAMAGED for damage or a
// lost blob, other errors and those that have a reason as they are.
absl::Status CoreDamaged(absl::Status status);

}  // namespace marrow
