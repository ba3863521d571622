// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/graph.h"

#include <cstring>

#include "guest/lib/graph_check.h"

namespace marrow::graph {
namespace {

// Moves `at` behind the entries.
template <typename T>
std::vector<T> TakeEntries(std::span<const std::byte> block, std::size_t& at, std::uint32_t count) {
  static_assert(sizeof(T) == guest::kGraphEntryBytes);
  std::vector<T> entries(count);
  if (count != 0) std::memcpy(entries.data(), block.data() + at, count * sizeof(T));
  at += count * sizeof(T);
  return entries;
}

}  // namespace

profile::Result<Graph> ParseGraph(std::span<const std::byte> block) {
  if (const guest::GraphFault fault = guest::CheckGraph(block.data(), block.size()); !fault.ok()) {
    const std::string entry =
        fault.part == guest::GraphPart::kHeader ? std::string() : " " + std::to_string(fault.index);
    return profile::Failure{std::string(guest::PartName(fault.part)) + entry + ": " + fault.what};
  }
  Graph graph;
  std::memcpy(&graph.header, block.data(), sizeof(graph.header));
  std::size_t at = graph.header.header_bytes;
  graph.types = TakeEntries<marrow_type>(block, at, graph.header.type_count);
  graph.edges = TakeEntries<marrow_edge>(block, at, graph.header.edge_count);
  graph.roots = TakeEntries<marrow_root>(block, at, graph.header.root_count);
  graph.lookups = TakeEntries<marrow_lookup>(block, at, graph.header.lookup_count);
  return graph;
}

}  // namespace marrow::graph
