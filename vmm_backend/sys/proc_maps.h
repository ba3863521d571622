// SPDX-License-Identifier: Apache-2.0
// PURE: /proc/PID/maps (proc(5)).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace marrow {

struct ProcessMapping {
  std::uint64_t begin = 0;  // addresses of that process
  std::uint64_t end = 0;
  bool shared = false;
  std::uint64_t file_offset = 0;
  std::uint64_t device_major = 0;
  std::uint64_t device_minor = 0;
  std::uint64_t inode = 0;  // 0: anonymous
};

// InvalidArgument naming the first line that is not as documented.
absl::StatusOr<std::vector<ProcessMapping>> ParseProcMaps(absl::string_view text);

// The pieces of `mappings` (sorted by address, as the kernel prints them) that cover
// [address, address + bytes), each cut to it. NotFound where a part is not mapped.
absl::StatusOr<std::vector<ProcessMapping>> CutMappings(const std::vector<ProcessMapping>& mappings,
                                                        std::uint64_t address, std::uint64_t bytes);

}  // namespace marrow
