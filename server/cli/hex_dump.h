// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "vmm_backend/base/bytes.h"

namespace marrow::cli {

// Lines of 16 bytes as `xxd` prints them, with 16-digit addresses; the first byte is at `address`.
std::string HexDump(std::uint64_t address, Bytes bytes);

}  // namespace marrow::cli
