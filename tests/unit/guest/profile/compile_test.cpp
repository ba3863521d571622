// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "fake_kernel.h"
#include "fake_types.h"
#include "guest/lib/graph_check.h"

namespace marrow::profile {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kSymbols[] =
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

constexpr std::uint64_t kThing = 0xffffffff81002000;

// A kernel of structures that have one member of each form.
FakeTypes MakeTypes() {
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

std::string NameOf(const char (&name)[MARROW_NAME_BYTES]) {
  return {name, strnlen(name, sizeof(name))};
}

// An edge without the fields that are 0 or 1 in nearly all of them.
std::string Text(const GraphTables& graph, const marrow_edge& edge) {
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
    EXPECT_THAT(result.missing, IsEmpty());
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

using CompileProfile = CompileTest;

TEST_F(CompileProfile, LinksFieldsByKind) {
  const struct {
    const char* field;
    std::vector<std::string> edges;
  } cases[] = {
      {"peer pointer", {"pointer peer @16"}},
      {"peer pointer thing", {"pointer thing @16"}},
      {"peer pointer peer.node", {"pointer peer @16 adjust -8"}},
      {"peers pointer", {"pointer peer @32 count 4"}},
      {"peers pointer count 2", {"pointer peer @32 count 2"}},
      {"any pointer bytes 64", {"pointer bytes[64] @24"}},
      {"any pointer bytes number max 4K", {"pointer bytes[1] @24 elements 4096 at 416 width 4"}},
      {"any pointer bytes 8K adjust -8192", {"pointer bytes[8192] @24 adjust -8192"}},
      {"peer pointer elements 7", {"pointer peer @16 elements 7"}},
      {"peer pointer elements number", {"pointer peer @16 elements 65536 at 416 width 4"}},
      {"peer pointer elements word max 9", {"pointer peer @16 elements 9 at 424 width 8"}},
      {"word pointer peer tag 3=1 clear 3", {"pointer peer @424 mask 3 value 1 clear 3"}},
      {"inner embedded", {"embedded peer @64 count 2 stride 48"}},
      {"inner embedded peer.node", {"embedded peer @56 count 2 stride 48"}},
      {"tail embedded elements number",
       {"embedded peer @496 stride 48 elements 65536 at 416 width 4"}},
      {"siblings ring", {"pointer thing @160 stride 16 adjust -160"}},
      {"heads list peer.node limit 10", {"list peer @176 count 3 stride 16 adjust -8 limit 10"}},
      {"hash hlist peer.node", {"list peer @224 count 5 adjust -8"}},
      {"peers chain peer.next", {"list peer @32 count 4 link 24"}},
      {"peer percpu", {"percpu peer @16"}},
      {"any percpu bytes 16", {"percpu bytes[16] @24"}},
      {"stack kernel-stack thread.sp", {"stack @384 link 392"}},
      {"any string", {"pointer string[256] @24"}},
      {"any string 32", {"pointer string[32] @24"}},
      {"keys orc entries number",
       {"lookup @400 stride 6 link 408 elements 1048576 at 416 width 4"}},
  };
  for (const auto& c : cases) EXPECT_EQ(Edges(c.field), c.edges) << c.field;
}

TEST_F(CompileProfile, TakesTheFirstMemberThatExists) {
  EXPECT_THAT(Edges("none?peer pointer"), ElementsAre("pointer peer @16"));
  EXPECT_THAT(Edges("peer pointer peer.none?node"), ElementsAre("pointer peer @16 adjust -8"));
}

TEST_F(CompileProfile, FollowsATableOfPointers) {
  EXPECT_THAT(Edges("any table peer.node elements number tag 1=0"),
              ElementsAre("pointer table<peer> @24 elements 65536 at 416 width 4"));
  EXPECT_THAT(Edges("any table peer.node elements number tag 1=0", "table<peer>"),
              ElementsAre("pointer peer @0 mask 1 value 0 adjust -8"));
}

TEST_F(CompileProfile, MakesNodesOfRbtrees) {
  EXPECT_THAT(Edges("tree rbtree peer.rb"), ElementsAre("pointer rb_node<peer> @272"));
  EXPECT_THAT(Edges("cached rbtree peer.rb"), ElementsAre("pointer rb_node<peer> @280 stride 16"));
  EXPECT_THAT(
      Edges("tree rbtree peer.rb", "rb_node<peer>"),
      ElementsAre("embedded peer @-24", "pointer rb_node<peer> @16", "pointer rb_node<peer> @8"));
}

TEST_F(CompileProfile, MakesNodesOfXarrays) {
  EXPECT_THAT(Edges("xa xarray peer"),
              ElementsAre("pointer xa_node<peer> @312 stride 16 mask 3 value 2 clear 3",
                          "pointer peer @312 stride 16 mask 3 value 0"));
  EXPECT_THAT(Edges("idr xarray peer").front(), HasSubstr("@328"));
  EXPECT_THAT(Edges("any xarray peer").front(), HasSubstr("@24"));
  EXPECT_THAT(Edges("xa xarray peer", "xa_node<peer>"),
              ElementsAre("pointer xa_node<peer> @40 count 64 mask 3 value 2 clear 3",
                          "pointer peer @40 count 64 mask 3 value 0"));
}

TEST_F(CompileProfile, MakesNodesOfMapleTrees) {
  EXPECT_THAT(Edges("mt maple peer"),
              ElementsAre("pointer maple_dense<peer> @360 stride 24 mask 123 value 2 clear 255",
                          "pointer maple_leaf<peer> @360 stride 24 mask 123 value 10 clear 255",
                          "pointer maple_range<peer> @360 stride 24 mask 123 value 18 clear 255",
                          "pointer maple_arange<peer> @360 stride 24 mask 123 value 26 clear 255",
                          "pointer peer @360 stride 24 mask 3 value 0"));
  EXPECT_THAT(Edges("mt maple peer", "maple_dense<peer>"),
              ElementsAre("pointer peer @8 count 31 mask 3 value 0"));
  EXPECT_THAT(Edges("mt maple peer", "maple_arange<peer>"),
              ElementsAre("pointer maple_dense<peer> @80 count 10 mask 120 value 0 clear 255",
                          "pointer maple_leaf<peer> @80 count 10 mask 120 value 8 clear 255",
                          "pointer maple_range<peer> @80 count 10 mask 120 value 16 clear 255",
                          "pointer maple_arange<peer> @80 count 10 mask 120 value 24 clear 255"));
}

TEST_F(CompileProfile, TakesTheLastSlotOfAMapleLeafForAnObjectOnlyIfItIsNoCount) {
  EXPECT_THAT(Edges("mt maple peer", "maple_leaf<peer>"),
              ElementsAre("pointer peer @128 count 15 mask 3 value 0",
                          "pointer peer @248 mask 15 value 0 clear 15",
                          "pointer peer @248 mask 15 value 8 clear 15 adjust 8"));
}

TEST_F(CompileProfile, SharesEqualTypes) {
  const Compilation result =
      Run("root thing object thing\ntype thing\n  xa xarray peer\n  idr xarray peer\n"
          "  any pointer bytes 8\n  stack pointer bytes 8\n");
  EXPECT_EQ(result.graph.types.size(), 4u);  // thing, peer, xa_node<peer>, bytes[8]
}

TEST_F(CompileProfile, CapturesStructuresWholeUnlessToldOtherwise) {
  const Compilation result = Run("root thing object thing\ntype thing bytes 0\n  peer pointer\n");
  EXPECT_EQ(FindType(result.graph, "thing")->bytes, 0u);
  EXPECT_EQ(FindType(result.graph, "thing")->stride, 0x200u);
  EXPECT_EQ(FindType(result.graph, "peer")->bytes, 0x30u);
}

TEST_F(CompileProfile, PassesClassesOn) {
  const Compilation result = Run(
      "root thing object thing\ntype thing class task\n  peer pointer\n  any string class log\n");
  EXPECT_EQ(FindType(result.graph, "thing")->region_class, MARROW_CLASS_TASK);
  EXPECT_EQ(FindType(result.graph, "peer")->region_class, MARROW_CLASS_TASK);
  EXPECT_EQ(FindType(result.graph, "string[256]")->region_class, MARROW_CLASS_LOG);
  EXPECT_EQ(FindType(result.graph, "string[256]")->flags, MARROW_TYPE_TEXT);
}

TEST_F(CompileProfile, MarksWhatMayReadAsZeros) {
  const Compilation result =
      Run("root thing object thing\ntype thing\n  any pointer bytes number max 4K zeros\n");
  EXPECT_EQ(FindType(result.graph, "bytes[1]")->flags, MARROW_TYPE_ZEROS);
}

TEST_F(CompileProfile, KeepsViewsOfOneStructureApart) {
  const Compilation result =
      Run("root thing object first\ntype thing as first\n  peer pointer second\n"
          "type thing as second\n");
  EXPECT_THAT(EdgesOf(result.graph, "first"), ElementsAre("pointer second @16"));
  EXPECT_THAT(EdgesOf(result.graph, "second"), IsEmpty());
}

TEST_F(CompileProfile, AddsUpBlocksOfOneType) {
  const Compilation result = Run(
      "root thing object thing\ntype thing\n  peer pointer\ntype thing class log\n  any string\n");
  EXPECT_THAT(EdgesOf(result.graph, "thing"),
              ElementsAre("pointer peer @16", "pointer string[256] @24"));
  EXPECT_EQ(FindType(result.graph, "thing")->region_class, MARROW_CLASS_LOG);
}

TEST_F(CompileProfile, LeavesOutTypesThatNothingLeadsTo) {
  const Compilation result = Run("root thing object peer\ntype thing\n  none pointer\n");
  EXPECT_EQ(result.graph.types.size(), 1u);
  EXPECT_THAT(result.missing, IsEmpty());
}

TEST_F(CompileProfile, MakesRoots) {
  const Compilation result =
      Run("root none?thing object thing elements 3 priority 7 max-objects 8 max-bytes 4K\n"
          "root percpu percpu_thing pointer peer count 2\n");
  ASSERT_EQ(result.graph.roots.size(), 2u);
  const marrow_root& object = result.graph.roots[0];
  EXPECT_EQ(object.address, kThing);
  EXPECT_EQ(object.kind, MARROW_ROOT_OBJECT);
  EXPECT_EQ(object.priority, 7);
  EXPECT_EQ(object.elements, 3u);
  EXPECT_EQ(object.max_objects, 8u);
  EXPECT_EQ(object.max_bytes, 4096u);
  EXPECT_EQ(NameOf(object.name), "thing");
  const marrow_root& percpu = result.graph.roots[1];
  EXPECT_EQ(percpu.address, 0x2000u);
  EXPECT_EQ(percpu.kind, MARROW_ROOT_PERCPU);
  EXPECT_EQ(result.graph.types[percpu.type].bytes, 16u);
  EXPECT_THAT(EdgesOf(result.graph, "percpu_thing"), ElementsAre("pointer peer @0 count 2"));
}

TEST_F(CompileProfile, KnowsTheVariablesOfRoots) {
  const struct {
    const char* link;
    std::uint32_t bytes;
    const char* edge;
  } cases[] = {
      {"pointer bytes 8", 8, "pointer bytes[8] @0"},
      {"list peer.node", 16, "list peer @0 stride 16 adjust -8"},
      {"hlist peer.node count 4", 32, "list peer @0 count 4 adjust -8"},
      {"chain peer.next", 8, "list peer @0 link 24"},
      {"rbtree peer.rb", 8, "pointer rb_node<peer> @0"},
      {"xarray peer", 16, "pointer xa_node<peer> @8 stride 16 mask 3 value 2 clear 3"},
      {"maple peer", 24, "pointer maple_dense<peer> @8 stride 24 mask 123 value 2 clear 255"},
      {"table peer elements 5", 8, "pointer table<peer> @0 elements 5"},
      {"string 64 count 9", 72, "pointer string[64] @0 count 9"},
  };
  for (const auto& c : cases) {
    const Compilation result = Run(std::string("root thing ") + c.link);
    EXPECT_THAT(result.missing, IsEmpty()) << c.link;
    const marrow_type* variable = FindType(result.graph, "thing");
    ASSERT_NE(variable, nullptr) << c.link;
    EXPECT_EQ(variable->bytes, c.bytes) << c.link;
    EXPECT_EQ(EdgesOf(result.graph, "thing").front(), c.edge) << c.link;
  }
}

TEST_F(CompileProfile, ReportsWhatTheKernelLacks) {
  const struct {
    const char* field;
    const char* missing;
  } cases[] = {
      {"none?nada pointer", "p:3: thing has no member none?nada"},
      {"any pointer", "p:3: thing.any does not tell a structure: give a type or bytes"},
      {"peer pointer none", "p:3: the kernel's types have no structure none"},
      {"peer pointer peer.none", "p:3: peer has no member none"},
      {"number pointer peer", "p:3: thing.number is no pointer"},
      {"word pointer", "p:3: thing.word is no pointer: give the type that it leads to"},
      {"peer embedded", "p:3: thing.peer is a pointer: follow it with pointer"},
      {"tail embedded", "p:3: thing.tail is a flexible array: say count or elements"},
      {"peer pointer elements name", "p:3: name is no number"},
      {"peer pointer elements none", "p:3: thing has no member none"},
      {"heads ring", "p:3: thing.heads is an array, and no ring"},
      {"peer list peer.node", "p:3: thing.peer is a pointer, and no list head"},
      {"name list peer.node", "p:3: thing.name is no list head"},
      {"siblings chain peer.next", "p:3: thing.siblings is no pointer"},
      {"name string", "p:3: thing.name is no pointer; text inside an object comes with it"},
      {"stack kernel-stack none", "p:3: thing has no member none"},
      {"stack kernel-stack number", "p:3: number is no stack pointer"},
      {"siblings rbtree peer.rb", "p:3: thing.siblings is none of rb_root, rb_root_cached"},
      {"siblings maple peer", "p:3: thing.siblings is none of maple_tree"},
      {"siblings xarray peer", "p:3: thing.siblings is none of xarray, idr, ida, radix_tree_root"},
  };
  for (const auto& c : cases) EXPECT_THAT(Missing(c.field), ElementsAre(c.missing)) << c.field;
}

TEST_F(CompileProfile, KeepsTheRestOfATypeWithoutTheField) {
  const Compilation result =
      Run("root thing object thing\ntype thing\n  none pointer\n  peer pointer\n");
  EXPECT_THAT(EdgesOf(result.graph, "thing"), ElementsAre("pointer peer @16"));
}

TEST_F(CompileProfile, ReportsAMissingRoot) {
  const Compilation result = Run("root none?nada object thing\nroot gone object thing optional\n");
  EXPECT_THAT(result.missing, ElementsAre("p:1: no symbol none?nada"));
  EXPECT_THAT(result.skipped, ElementsAre("p:2: no symbol gone"));
  EXPECT_EQ(result.graph.Encode(), "");
}

TEST_F(CompileProfile, ReportsATypeWithoutALayoutOnce) {
  const Compilation result = Run(
      "root thing object thing\ntype thing\n  peer pointer gone\n  any pointer gone\ntype gone\n");
  EXPECT_THAT(result.missing, ElementsAre("p:5: the kernel's types have no structure gone"));
  EXPECT_THAT(EdgesOf(result.graph, "thing"), IsEmpty());
}

TEST_F(CompileProfile, TakesAnUnknownStructureWithASizeForRawBytes) {
  const Compilation result = Run("root thing object opaque elements 2\ntype opaque bytes 40\n");
  EXPECT_EQ(FindType(result.graph, "opaque")->stride, 40u);
  EXPECT_THAT(result.missing, IsEmpty());
}

TEST_F(CompileProfile, HeedsVersions) {
  const struct {
    const char* release;
    const char* modifier;
    bool stands;
  } cases[] = {
      {"6.1.0-13-amd64", "from 6.1", true},
      {"6.1.0-13-amd64", "from 6.2", false},
      {"6.1.0-13-amd64", "before 6.1", false},
      {"6.1.0-13-amd64", "before 6.2", true},
      {"6.10-rc3", "from 6.9", true},
      {"6.10-rc3", "before 6.9", false},
      {"5.19.17", "from 6.0", false},
      {"", "from 6.9", true},
      {"", "before 6.9", false},
      {"6.5.0", "from 6.4 before 6.6", true},
  };
  for (const auto& c : cases) {
    release_ = c.release;
    const Compilation result =
        Run(std::string("root thing object thing\ntype thing\n  peer pointer ") + c.modifier);
    EXPECT_THAT(result.missing, IsEmpty());
    EXPECT_EQ(result.skipped.empty(), c.stands) << c.release << " " << c.modifier;
    EXPECT_EQ(result.graph.edges.size(), c.stands ? 1u : 0u) << c.release << " " << c.modifier;
  }
}

TEST_F(CompileProfile, DropsEdgesToATypeOfAnotherVersion) {
  const Compilation result =
      Run("root thing object thing\ntype thing\n  peer pointer\ntype peer from 7.0\n");
  EXPECT_THAT(result.missing, IsEmpty());
  EXPECT_THAT(result.skipped, ElementsAre("p:4: type peer is for kernels from 7.0",
                                          "p:3: no type peer for this kernel version"));
  EXPECT_THAT(EdgesOf(result.graph, "thing"), IsEmpty());
}

TEST_F(CompileProfile, DescribesTheKernelsOrcTables) {
  const Compilation result = Run("orc\ntext before 4K after 256\n");
  ASSERT_EQ(result.graph.lookups.size(), 1u) << testing::PrintToString(result.missing);
  const marrow_lookup& lookup = result.graph.lookups[0];
  EXPECT_EQ(lookup.text_begin, 0xffffffff81000000u);
  EXPECT_EQ(lookup.text_end, 0xffffffff81000400u);
  EXPECT_EQ(lookup.index, 0xffffffff81003000u);
  EXPECT_EQ(lookup.index_count, 5u);
  EXPECT_EQ(lookup.block_bytes, 256u);
  EXPECT_EQ(lookup.keys, 0xffffffff81004000u);
  EXPECT_EQ(lookup.entry_count, 10u);
  EXPECT_EQ(lookup.entries, 0xffffffff81005000u);
  EXPECT_EQ(lookup.entry_bytes, 6u);
  EXPECT_EQ(result.graph.header.text_before, 4096u);
  EXPECT_EQ(result.graph.header.text_after, 256u);
}

TEST_F(CompileProfile, MeasuresOrcEntriesWhereTypesAreUnknown) {
  types_ = FakeTypes();
  const Compilation result = Run("orc\n");
  ASSERT_EQ(result.graph.lookups.size(), 1u);
  EXPECT_EQ(result.graph.lookups[0].entry_bytes, 6u);
}

TEST_F(CompileProfile, FillsTheHeader) {
  const Compilation result = Run("root thing object thing\n");
  EXPECT_EQ(result.graph.header.cpu_count, 2u);
  EXPECT_EQ(result.graph.header.percpu_offsets, 0xffffffff81001000u);
  EXPECT_EQ(result.graph.header.stack_bytes, 16384u);
}

TEST_F(CompileProfile, GivesRegionsAsBefore) {
  const Compilation result = Run("symbol thing size 8\nroot thing object thing\n");
  ASSERT_EQ(result.regions.size(), 1u);
  EXPECT_EQ(result.regions[0].name, "thing");
}

TEST_F(CompileProfile, SurvivesAKernelWithoutTypes) {
  types_ = FakeTypes();
  const Compilation result = Run("root thing object thing\nroot thing pointer bytes 64\n");
  EXPECT_THAT(result.missing, ElementsAre("p:1: the kernel's types have no structure thing"));
  EXPECT_EQ(result.graph.roots.size(), 1u);
}

TEST_F(CompileProfile, ShortensNames) {
  types_.Struct("a_structure_with_quite_a_long_name", 64);
  const Compilation result =
      Run("root thing object thing\ntype thing\n  xa xarray a_structure_with_quite_a_long_name\n");
  std::vector<std::string> names;
  for (const marrow_type& type : result.graph.types) names.push_back(NameOf(type.name));
  EXPECT_THAT(names, ElementsAre("thing", "a_structure_with_quite_a_long_n~",
                                 "xa_node<a_structure_with_quite~>"));
}

}  // namespace
}  // namespace marrow::profile
