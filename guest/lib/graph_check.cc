// SPDX-License-Identifier: Apache-2.0
#include "guest/lib/graph_check.h"

#include "marrow/abi.h"

namespace marrow::guest {
namespace {

constexpr bool IsPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

// [address, address + size) may end with the last byte of the address space but one.
constexpr bool Fits(uint64_t address, uint64_t size) { return size <= ~address; }

template <typename T>
T Load(const unsigned char* at) {
  T value;
  __builtin_memcpy(&value, at, sizeof(value));
  return value;
}

const char* HeaderFault(const marrow_graph_header& header, size_t bytes) {
  if (bytes % kGraphEntryBytes != 0) return "the graph's size is not a multiple of 64";
  if (header.header_bytes < sizeof(header) || header.header_bytes % kGraphEntryBytes != 0) {
    return "header_bytes is not a multiple of 64";
  }
  const uint64_t entries =
      uint64_t{header.type_count} + header.edge_count + header.root_count + header.lookup_count;
  if (header.header_bytes + kGraphEntryBytes * entries > bytes) {
    return "its tables pass the end of the graph";
  }
  if (header.cpu_count > kGraphMaxCpus) return "too many CPUs";
  if (header.percpu_offsets != 0 && header.cpu_count == 0) return "per-CPU offsets of no CPU";
  if (!Fits(header.percpu_offsets, 8 * uint64_t{header.cpu_count})) {
    return "percpu_offsets passes the end of the address space";
  }
  if (header.stack_bytes != 0 &&
      (!IsPowerOfTwo(header.stack_bytes) || header.stack_bytes < kGraphMinStackBytes ||
       header.stack_bytes > kGraphMaxStackBytes)) {
    return "stack_bytes is no power of two from 4096 to 1048576";
  }
  if (header.text_before > kGraphMaxCodeBytes || header.text_after > kGraphMaxCodeBytes) {
    return "more than 64 KiB of code around a text address";
  }
  return nullptr;
}

const char* TypeFault(const marrow_type& type, const marrow_graph_header& header) {
  if (type.bytes > kGraphMaxObjectBytes) return "objects of more than 64 MiB";
  if (type.stride > kGraphMaxObjectBytes) return "a stride of more than 64 MiB";
  if (uint64_t{type.first_edge} + type.edge_count > header.edge_count) {
    return "its edges are not in the table";
  }
  if (type.region_class > MARROW_CLASS_SECRET) return "unknown region class";
  return nullptr;
}

// What every kind of edge has in common: words of a field, and where the number of elements is.
const char* WordsFault(const marrow_edge& edge) {
  if (edge.kind < MARROW_EDGE_POINTER || edge.kind > MARROW_EDGE_LOOKUP) return "unknown edge kind";
  if (edge.count == 0) return "a field without words";
  if (edge.count > kGraphMaxWords) return "a field of too many words";
  if (edge.count > 1 && edge.stride == 0) return "words in a row without a stride";
  if (edge.stride > kGraphMaxObjectBytes) return "a stride of more than 64 MiB";
  if ((edge.tag_value & ~edge.tag_mask) != 0) return "tag_value has bits that tag_mask lacks";
  if (edge.elements_width > 8 || (edge.elements_width != 0 && !IsPowerOfTwo(edge.elements_width))) {
    return "elements_width is none of 0, 1, 2, 4, 8";
  }
  return nullptr;
}

const char* ElementsFault(uint32_t elements) {
  if (elements == 0) return "no elements";
  return elements > kGraphMaxWords ? "too many elements" : nullptr;
}

class Checker {
 public:
  Checker(const unsigned char* block, const marrow_graph_header& header)
      : block_(block), header_(header) {}

  GraphFault Types() const {
    for (uint32_t i = 0; i < header_.type_count; ++i) {
      const char* what = TypeFault(Type(i), header_);
      if (what != nullptr) return {what, GraphPart::kType, i};
    }
    return {};
  }

  GraphFault Edges() const {
    for (uint32_t i = 0; i < header_.edge_count; ++i) {
      const auto edge = Entry<marrow_edge>(uint64_t{header_.type_count} + i);
      const char* what = EdgeFault(edge);
      if (what != nullptr) return {what, GraphPart::kEdge, i};
    }
    return {};
  }

  GraphFault Roots() const {
    const uint64_t first = uint64_t{header_.type_count} + header_.edge_count;
    for (uint32_t i = 0; i < header_.root_count; ++i) {
      const char* what = RootFault(Entry<marrow_root>(first + i));
      if (what != nullptr) return {what, GraphPart::kRoot, i};
    }
    return {};
  }

  GraphFault Lookups() const {
    const uint64_t first = uint64_t{header_.type_count} + header_.edge_count + header_.root_count;
    for (uint32_t i = 0; i < header_.lookup_count; ++i) {
      const char* what = LookupFault(Entry<marrow_lookup>(first + i));
      if (what != nullptr) return {what, GraphPart::kLookup, i};
    }
    return {};
  }

 private:
  // Entry `index` of all tables taken as one; HeaderFault has checked that it is in the block.
  template <typename T>
  T Entry(uint64_t index) const {
    static_assert(sizeof(T) == kGraphEntryBytes);
    return Load<T>(block_ + header_.header_bytes + kGraphEntryBytes * index);
  }

  marrow_type Type(uint32_t index) const { return Entry<marrow_type>(index); }

  // `elements` objects of a type in a row.
  const char* RowFault(uint32_t type, uint32_t elements) const {
    if (type >= header_.type_count) return "its type is not in the table";
    if (const char* what = ElementsFault(elements)) return what;
    if (elements > 1 && Type(type).stride == 0) return "objects in a row of a type without stride";
    return nullptr;
  }

  const char* PercpuFault() const {
    return header_.percpu_offsets == 0 ? "per-CPU data without percpu_offsets" : nullptr;
  }

  const char* EdgeFault(const marrow_edge& edge) const {
    if (const char* what = WordsFault(edge)) return what;
    switch (edge.kind) {
      case MARROW_EDGE_STACK:
        return header_.stack_bytes == 0 ? "a stack without stack_bytes" : nullptr;
      case MARROW_EDGE_LOOKUP:
        if (edge.stride == 0 || edge.stride > kGraphMaxLookupEntryBytes) {
          return "a lookup entry of no or too many bytes";
        }
        return ElementsFault(edge.elements);
      case MARROW_EDGE_PERCPU:
        if (const char* what = PercpuFault()) return what;
        return RowFault(edge.target, edge.elements);
      default:
        return RowFault(edge.target, edge.elements);
    }
  }

  const char* RootFault(const marrow_root& root) const {
    if (root.kind < MARROW_ROOT_OBJECT || root.kind > MARROW_ROOT_LIVE) return "unknown root kind";
    if (root.kind == MARROW_ROOT_LIVE) return LiveRootFault(root);
    if (const char* what = RowFault(root.type, root.elements)) return what;
    if (root.kind == MARROW_ROOT_PERCPU) return PercpuFault();
    const marrow_type type = Type(root.type);
    return Fits(root.address, uint64_t{root.elements - 1} * type.stride + type.bytes)
               ? nullptr
               : "it passes the end of the address space";
  }

  // Its elements are pages; the objects lie one by one.
  const char* LiveRootFault(const marrow_root& root) const {
    if (const char* what = RowFault(root.type, 1)) return what;
    if (const char* what = ElementsFault(root.elements)) return what;
    return Fits(root.address, uint64_t{root.elements} * kGraphLivePageBytes)
               ? nullptr
               : "it passes the end of the address space";
  }

  static const char* LookupFault(const marrow_lookup& lookup) {
    if (lookup.text_begin >= lookup.text_end) return "no text";
    if (lookup.block_bytes == 0) return "blocks of no bytes";
    if (lookup.index_count < 2) return "an index of less than two numbers";
    if (lookup.entry_count == 0) return "no entries";
    if (lookup.entry_bytes == 0 || lookup.entry_bytes > kGraphMaxLookupEntryBytes) {
      return "a lookup entry of no or too many bytes";
    }
    if (!Fits(lookup.index, 4 * uint64_t{lookup.index_count}) ||
        !Fits(lookup.keys, 4 * uint64_t{lookup.entry_count}) ||
        !Fits(lookup.entries, uint64_t{lookup.entry_bytes} * lookup.entry_count)) {
      return "it passes the end of the address space";
    }
    return nullptr;
  }

  const unsigned char* block_;
  const marrow_graph_header& header_;
};

}  // namespace

const char* PartName(GraphPart part) {
  switch (part) {
    case GraphPart::kHeader:
      return "header";
    case GraphPart::kType:
      return "type";
    case GraphPart::kEdge:
      return "edge";
    case GraphPart::kRoot:
      return "root";
    case GraphPart::kLookup:
      return "lookup";
  }
  return "entry";
}

GraphFault CheckGraph(const void* block, size_t bytes) {
  if (block == nullptr || bytes < sizeof(marrow_graph_header)) {
    return {"smaller than a graph's header", GraphPart::kHeader, 0};
  }
  const auto* start = static_cast<const unsigned char*>(block);
  const auto header = Load<marrow_graph_header>(start);
  if (const char* what = HeaderFault(header, bytes)) return {what, GraphPart::kHeader, 0};
  const Checker checker(start, header);
  if (const GraphFault fault = checker.Types(); !fault.ok()) return fault;
  if (const GraphFault fault = checker.Edges(); !fault.ok()) return fault;
  if (const GraphFault fault = checker.Roots(); !fault.ok()) return fault;
  return checker.Lookups();
}

}  // namespace marrow::guest
