// SPDX-License-Identifier: Apache-2.0
// What the fields of edges and types say, computed modulo 2^64.
#pragma once

#include <cstdint>

#include "marrow/abi.h"

namespace marrow::graph {

// Two's complement: addresses wrap, as the processor's do.
inline std::uint64_t Plus(std::uint64_t address, std::int64_t offset) {
  return address + static_cast<std::uint64_t>(offset);
}

// Where the words of a field are.
inline std::uint64_t WordAt(std::uint64_t object, const marrow_edge& edge, std::uint32_t i) {
  return Plus(object, edge.offset) + std::uint64_t{i} * edge.stride;
}

// Below it nothing is mapped; what looks like a pointer there is a mark, as an xarray's for a
// reserved entry.
inline constexpr std::uint64_t kLowestPointer = 4096;

// What a word points to; 0: nothing to follow. Per-CPU addresses begin at 0.
inline std::uint64_t PointerIn(std::uint64_t word, const marrow_edge& edge) {
  if ((word & edge.tag_mask) != edge.tag_value) return 0;
  const std::uint64_t pointer = word & ~std::uint64_t{edge.clear_mask};
  return pointer < kLowestPointer && edge.kind != MARROW_EDGE_PERCPU ? 0 : pointer;
}

// Objects of which many in a row are just a longer one.
inline bool IsPlain(const marrow_type& type) {
  return type.edge_count == 0 && type.bytes == type.stride && (type.flags & MARROW_TYPE_TEXT) == 0;
}

inline bool IsQuiet(const marrow_type& type) { return (type.flags & MARROW_TYPE_QUIET) != 0; }

}  // namespace marrow::graph
