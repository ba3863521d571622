// SPDX-License-Identifier: Apache-2.0
// The ABI header compiles as C11, and C sees the same values.
#include "marrow/abi.h"

size_t marrow_c_header_bytes(void);
size_t marrow_c_region_bytes(void);
uint64_t marrow_c_guest_magic(void);

size_t marrow_c_header_bytes(void) { return sizeof(struct marrow_window_header); }
size_t marrow_c_region_bytes(void) { return sizeof(struct marrow_region); }
uint64_t marrow_c_guest_magic(void) { return MARROW_GUEST_MAGIC; }
