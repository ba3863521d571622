// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "vmm_backend/base/bytes.h"

namespace marrow::cli {

// The GNU build-id of an ELF64 file (a vmlinux), lower-case hex. NotFound if it has none,
// InvalidArgument if it is no such file. At most 1 MiB of notes is looked at.
absl::StatusOr<std::string> ReadBuildId(const ByteSource& elf);

}  // namespace marrow::cli
