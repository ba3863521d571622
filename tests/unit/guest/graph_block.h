// SPDX-License-Identifier: Apache-2.0
// A graph block made of values.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "marrow/abi.h"

namespace marrow::guest {

struct GraphBlock {
  marrow_graph_header header{};
  std::vector<marrow_type> types = {};
  std::vector<marrow_edge> edges = {};
  std::vector<marrow_root> roots = {};
  std::vector<marrow_lookup> lookups = {};

  // With header_bytes and the counts as they should be, whatever `header` holds.
  std::string Encode() const {
    marrow_graph_header full = header;
    full.header_bytes = sizeof(full);
    full.type_count = static_cast<uint32_t>(types.size());
    full.edge_count = static_cast<uint32_t>(edges.size());
    full.root_count = static_cast<uint32_t>(roots.size());
    full.lookup_count = static_cast<uint32_t>(lookups.size());
    std::string bytes(reinterpret_cast<const char*>(&full), sizeof(full));
    const auto add = [&bytes](const auto& table) {
      bytes.append(reinterpret_cast<const char*>(table.data()), table.size() * sizeof(table[0]));
    };
    add(types);
    add(edges);
    add(roots);
    add(lookups);
    return bytes;
  }
};

// One entry of every kind, all sound: a list of tasks with stacks, per-CPU queues, text, a lookup.
inline GraphBlock SampleGraph() {
  GraphBlock graph;
  graph.header.cpu_count = 2;
  graph.header.percpu_offsets = 0xffffffff82000000;
  graph.header.stack_bytes = 16384;
  graph.types.resize(3);
  graph.types[0].bytes = 9000;
  graph.types[0].stride = 9024;
  graph.types[0].edge_count = 6;
  graph.types[0].region_class = MARROW_CLASS_TASK;
  std::strcpy(graph.types[0].name, "task_struct");
  graph.types[1].bytes = 64;
  graph.types[1].flags = MARROW_TYPE_TEXT;
  graph.types[2].bytes = 0;
  for (const uint16_t kind : {MARROW_EDGE_POINTER, MARROW_EDGE_EMBEDDED, MARROW_EDGE_LIST,
                              MARROW_EDGE_PERCPU, MARROW_EDGE_STACK, MARROW_EDGE_LOOKUP}) {
    marrow_edge edge{};
    edge.kind = kind;
    edge.count = 1;
    edge.stride = 8;
    edge.elements = 1;
    graph.edges.push_back(edge);
  }
  graph.roots.resize(2);
  graph.roots[0] = {0xffffffff82a0b000, 0, MARROW_ROOT_OBJECT, 0, 1, 0, 0, "init_task"};
  graph.roots[1] = {0x32c40, 2, MARROW_ROOT_PERCPU, 1, 1, 0, 0, "runqueues"};
  graph.lookups.push_back({0xffffffff81000000,
                           0xffffffff82000000,
                           0xffffffff83000000,
                           65537,
                           256,
                           0xffffffff83100000,
                           0xffffffff83200000,
                           6,
                           500000,
                           {}});
  return graph;
}

}  // namespace marrow::guest
