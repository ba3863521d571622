// SPDX-License-Identifier: Apache-2.0
// Graphs and memory for tests, in few words.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "guest/graph/walk.h"

namespace marrow::graph {

// Memory by gva. What is not written is not mapped. Keeps up to `room` pages.
class FakeSpace final : public Space {
 public:
  std::uint64_t room = 1'000'000;
  std::set<std::uint64_t> kept;
  std::set<std::uint64_t> zeros;
  std::uint64_t looks = 0;

  void Write(std::uint64_t address, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint64_t at = address + i;
      pages_.try_emplace(at & ~std::uint64_t{4095}, 4096, '\0').first->second[at % 4096] = bytes[i];
    }
  }
  template <typename T = std::uint64_t>
  void Put(std::uint64_t address, T value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    Write(address, {bytes, sizeof(T)});
  }
  void Fill(std::uint64_t address, std::uint64_t bytes) { Write(address, std::string(bytes, 0)); }

  PageView Look(std::uint64_t page) override {
    ++looks;
    const auto found = pages_.find(page);
    if (found == pages_.end()) return {.why = "not mapped"};
    return {.bytes = std::as_bytes(std::span(found->second)), .why = {}};
  }
  Kept Keep(std::uint64_t page) override {
    if (kept.contains(page)) return Kept::kAlready;
    if (!pages_.contains(page) || kept.size() >= room) return Kept::kNo;
    kept.insert(page);
    return Kept::kNew;
  }
  void KeepAsZeros(std::uint64_t page) override { zeros.insert(page); }

 private:
  std::map<std::uint64_t, std::string> pages_;
};

class GraphBuilder {
 public:
  // Edges added until the next Type are this type's. Returns its index.
  std::uint32_t Type(std::string_view name, std::uint32_t bytes, std::uint32_t stride = 0) {
    marrow_type type{};
    type.bytes = bytes;
    type.stride = stride != 0 ? stride : (bytes != 0 ? bytes : 8);
    type.first_edge = static_cast<std::uint32_t>(graph.edges.size());
    name.copy(type.name, sizeof(type.name));
    graph.types.push_back(type);
    return static_cast<std::uint32_t>(graph.types.size() - 1);
  }
  marrow_edge& Edge(marrow_edge_kind kind, std::int32_t offset, std::uint32_t target) {
    marrow_edge edge{};
    edge.kind = static_cast<std::uint16_t>(kind);
    edge.offset = offset;
    edge.target = target;
    edge.count = 1;
    edge.stride = 8;
    edge.elements = 1;
    graph.edges.push_back(edge);
    ++graph.types.back().edge_count;
    return graph.edges.back();
  }
  marrow_root& Root(std::string_view name, std::uint64_t address, std::uint32_t type) {
    marrow_root root{};
    root.address = address;
    root.type = type;
    root.kind = MARROW_ROOT_OBJECT;
    root.elements = 1;
    name.copy(root.name, sizeof(root.name));
    graph.roots.push_back(root);
    return graph.roots.back();
  }
  // The block as a guest publishes it.
  std::string Encode() {
    graph.header.header_bytes = sizeof(graph.header);
    graph.header.type_count = static_cast<std::uint32_t>(graph.types.size());
    graph.header.edge_count = static_cast<std::uint32_t>(graph.edges.size());
    graph.header.root_count = static_cast<std::uint32_t>(graph.roots.size());
    graph.header.lookup_count = static_cast<std::uint32_t>(graph.lookups.size());
    std::string block;
    const auto append = [&block](const void* entries, std::size_t bytes) {
      block.append(static_cast<const char*>(entries), bytes);
    };
    append(&graph.header, sizeof(graph.header));
    append(graph.types.data(), graph.types.size() * sizeof(marrow_type));
    append(graph.edges.data(), graph.edges.size() * sizeof(marrow_edge));
    append(graph.roots.data(), graph.roots.size() * sizeof(marrow_root));
    append(graph.lookups.data(), graph.lookups.size() * sizeof(marrow_lookup));
    return block;
  }

  Graph graph;
};

}  // namespace marrow::graph
