// SPDX-License-Identifier: Apache-2.0
// The one judge of graph blocks (marrow/abi.h): the guest asks it before it publishes a graph, the
// host before it follows one. Freestanding, no heap; time and result depend on the bytes only.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace marrow::guest {

// What lies within these bounds can be computed with in 64 bits without a thought: no product or
// sum of an entry's fields comes near 2^63. What an address or a word of memory adds can still
// wrap.
inline constexpr uint64_t kGraphMaxObjectBytes = 1 << 26;  // type.bytes, type.stride, edge.stride
inline constexpr uint32_t kGraphMaxWords = 1 << 24;    // edge.count, edge.elements, root.elements
inline constexpr uint64_t kGraphLivePageBytes = 4096;  // unit of a live root's elements
inline constexpr uint32_t kGraphMaxCpus = 1 << 16;
inline constexpr uint32_t kGraphMinStackBytes = 4096;
inline constexpr uint32_t kGraphMaxStackBytes = 1 << 20;
inline constexpr uint32_t kGraphMaxLookupEntryBytes = 4096;
inline constexpr uint32_t kGraphMaxCodeBytes = 65536;  // text_before, text_after
inline constexpr uint32_t kGraphEntryBytes = 64;       // of a type, an edge, a root, a lookup

enum class GraphPart : uint8_t { kHeader, kType, kEdge, kRoot, kLookup };

// The first entry that breaks the specification.
struct GraphFault {
  const char* what = nullptr;  // a static English phrase; null: the graph is sound
  GraphPart part = GraphPart::kHeader;
  uint32_t index = 0;  // of the entry in its table

  constexpr bool ok() const { return what == nullptr; }
};

// "header", "type", "edge", "root", "lookup"
const char* PartName(GraphPart part);

// Any bytes at any alignment, but private ones: they are read more than once. A sound graph has
// - header_bytes and `bytes` that are multiples of 64, and all tables within them: entry i of all
//   tables taken as one lies at header_bytes + 64 i,
// - every type index and edge range within its table, every kind and class known,
// - count, elements >= 1, and a stride > 0 wherever more than one word or object is asked for,
// - percpu_offsets where anything is per CPU, stack_bytes where there are stacks,
// - no root, live root's range or lookup table that passes the end of the address space.
GraphFault CheckGraph(const void* block, size_t bytes);

}  // namespace marrow::guest
