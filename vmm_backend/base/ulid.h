// SPDX-License-Identifier: Apache-2.0
// Dump ids: ULIDs (github.com/ulid/spec) in lower case. 26 characters of Crockford base 32, 48 bits
// of milliseconds since 1970 and 80 random bits, so that ids sort by time.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace marrow {

// Times before 1970 count as 1970.
std::string MakeUlid(absl::Time time, const std::array<std::byte, 10>& random);

bool IsUlid(absl::string_view text);

}  // namespace marrow
