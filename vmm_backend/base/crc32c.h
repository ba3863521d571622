// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli), RFC 3720 appendix B.4: Crc32c("123456789") == 0xe3069283.
#pragma once

#include <cstdint>

#include "vmm_backend/base/bytes.h"

namespace marrow {

// The checksum of the bytes that gave `crc` followed by `bytes`; start with 0.
std::uint32_t Crc32c(Bytes bytes, std::uint32_t crc = 0);

}  // namespace marrow
