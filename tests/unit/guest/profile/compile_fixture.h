// SPDX-License-Identifier: Apache-2.0
// A kernel of structures with a member of each form, and graphs as text.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "fake_kernel.h"
#include "fake_types.h"
#include "guest/lib/graph_check.h"
#include "guest/profile/compile.h"

namespace marrow::profile {

inline constexpr char kSymbols[] =
    "0000000000002000 A percpu_thing\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81000400 T _etext\n"
    "ffffffff81001000 D __per_cpu_offset\n"
    "ffffffff81002000 D thing\n"
    "ffffffff81003000 D orc_lookup\n"
    "ffffffff81003014 D orc_lookup_end\n"
    "ffffffff81004000 D __start_orc_unwind_ip\n"
    "ffffffff81004028 D __stop_orc_unwind_ip\n"
    "ffffffff81005000 D __start_orc_unwind\n"
    "ffffffff8100503c D __stop_orc_unwind\n";

inline constexpr std::uint64_t kThing = 0xffffffff81002000;

// A kernel of structures that have one member of each form.
inline FakeTypes MakeTypes() {
  FakeTypes types;
  types.Struct("thing", 0x200,
               {{"peer", PointerTo("peer", 0x10)},
                {"peers", PointerTo("peer", 0x20, 4)},
                {"any", PointerTo("", 0x18)},
                {"inner", StructAt("peer", 0x40, 0x30, 2)},
                {"tail", StructAt("peer", 0x1f0, 0x30, 0)},
                {"siblings", StructAt("list_head", 0xa0, 16)},
                {"heads", StructAt("list_head", 0xb0, 16, 3)},
                {"hash", StructAt("hlist_head", 0xe0, 8, 5)},
                {"tree", StructAt("rb_root", 0x110, 8)},
                {"cached", StructAt("rb_root_cached", 0x118, 16)},
                {"xa", StructAt("xarray", 0x130, 16)},
                {"idr", StructAt("idr", 0x140, 24)},
                {"mt", StructAt("maple_tree", 0x160, 24)},
                {"stack", PointerTo("", 0x180)},
                {"thread.sp", NumberAt(0x188, 8)},
                {"keys", PointerTo("", 0x190)},
                {"entries", PointerTo("orc_entry", 0x198)},
                {"number", NumberAt(0x1a0, 4)},
                {"word", NumberAt(0x1a8, 8)},
                {"name", NumberAt(0x1b0, 1, 16)}});
  types.Struct("peer", 0x30,
               {{"node", StructAt("list_head", 8, 16)},
                {"next", PointerTo("peer", 0x18)},
                {"rb", StructAt("rb_node", 0x18, 24)}});
  types.Struct("rb_node", 24,
               {{"rb_right", PointerTo("rb_node", 8)}, {"rb_left", PointerTo("rb_node", 16)}});
  types.Struct("rb_root", 8, {{"rb_node", PointerTo("rb_node", 0)}});
  types.Struct("rb_root_cached", 16, {{"rb_root.rb_node", PointerTo("rb_node", 0)}});
  types.Struct("xarray", 16, {{"xa_head", PointerTo("", 8)}});
  types.Struct("idr", 24, {{"idr_rt.xa_head", PointerTo("", 8)}});
  types.Struct("xa_node", 576, {{"slots", PointerTo("", 40, 64)}});
  types.Struct("maple_tree", 24, {{"ma_root", PointerTo("", 8)}});
  types.Struct("maple_node", 256,
               {{"slot", PointerTo("", 8, 31)},
                {"mr64.slot", PointerTo("", 128, 16)},
                {"ma64.slot", PointerTo("", 80, 10)}});
  types.Struct("orc_entry", 6);
  types.Struct("list_head", 16);
  types.Struct("thread_union", 16384);
  return types;
}

inline std::string NameOf(const char (&name)[MARROW_NAME_BYTES]) {
  return {name, strnlen(name, sizeof(name))};
}

// An edge without the fields that are 0 or 1 in nearly all of them.
inline std::string Text(const GraphTables& graph, const marrow_edge& edge) {
  static constexpr const char* kKinds[] = {"?",      "pointer", "embedded", "list",
                                           "percpu", "stack",   "lookup"};
  std::string text = kKinds[edge.kind];
  if (edge.kind < MARROW_EDGE_STACK) text += " " + NameOf(graph.types[edge.target].name);
  text += " @" + std::to_string(edge.offset);
  const auto add = [&text](const char* name, std::int64_t value, std::int64_t usual) {
    if (value != usual) text += std::string(" ") + name + " " + std::to_string(value);
  };
  add("count", edge.count, 1);
  add("stride", edge.stride, 8);
  if (edge.tag_mask != 0) {
    add("mask", edge.tag_mask, 0);
    add("value", edge.tag_value, -1);
  }
  add("clear", edge.clear_mask, 0);
  add("adjust", edge.adjust, 0);
  add("link", edge.link, 0);
  add("elements", edge.elements, 1);
  add("at", edge.elements_offset, 0);
  add("width", edge.elements_width, 0);
  add("limit", edge.limit, 0);
  return text;
}

class CompileTest : public testing::Test {
 protected:
  Compilation Run(const std::string& text) {
    const auto profile = ParseProfile(text, "p");
    EXPECT_TRUE(profile.ok()) << profile.error();
    KernelView view = MakeView(kSymbols, nullptr);
    view.release = release_;
    const Compilation result = Compile(*profile, view, types_);
    if (const std::string block = result.graph.Encode(); !block.empty()) {
      const guest::GraphFault fault = guest::CheckGraph(block.data(), block.size());
      EXPECT_TRUE(fault.ok()) << fault.what << " in " << guest::PartName(fault.part) << " "
                              << fault.index;
    }
    return result;
  }
  // The edges of `type` in a graph whose root is a thing with these fields.
  std::vector<std::string> Edges(const std::string& fields, const std::string& type = "thing") {
    const Compilation result = Run("root thing object thing\ntype thing\n  " + fields + "\n");
    EXPECT_THAT(result.missing, testing::IsEmpty());
    return EdgesOf(result.graph, type);
  }
  static std::vector<std::string> EdgesOf(const GraphTables& graph, const std::string& type) {
    std::vector<std::string> texts;
    const marrow_type* found = FindType(graph, type);
    if (found == nullptr) return {"no type " + type};
    for (std::uint32_t i = 0; i < found->edge_count; ++i) {
      texts.push_back(Text(graph, graph.edges[found->first_edge + i]));
    }
    return texts;
  }
  static const marrow_type* FindType(const GraphTables& graph, const std::string& name) {
    for (const marrow_type& type : graph.types) {
      if (NameOf(type.name) == name) return &type;
    }
    return nullptr;
  }
  // What is reported for a field of thing.
  std::vector<std::string> Missing(const std::string& field) {
    return Run("root thing object thing\ntype thing\n  " + field + "\n").missing;
  }

  FakeTypes types_ = MakeTypes();
  std::string release_ = "6.1.0-13-amd64";
};

}  // namespace marrow::profile
