// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

namespace marrow::guest {

// CRC-32C (Castagnoli), RFC 3720 appendix B.4, fed with eight bytes at a time as a little-endian
// word. Start with 0; the result of one call is the `crc` of the next.
uint32_t Crc32cWord(uint32_t crc, uint64_t word);

}  // namespace marrow::guest
