// SPDX-License-Identifier: Apache-2.0
// Seeds are kept as text: a file is the input itself, or, if its name ends in ".hex", the input in
// hex digits with blanks and "# comments" between them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace marrow {

// The seed files of a folder, sorted; NotFound if there are none.
absl::StatusOr<std::vector<std::filesystem::path>> ListSeeds(const std::filesystem::path& folder);

absl::StatusOr<std::string> LoadSeed(const std::filesystem::path& file);

}  // namespace marrow
