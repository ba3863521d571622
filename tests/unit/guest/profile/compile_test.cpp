// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile_fixture.h"

namespace marrow::profile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using CompileProfile = CompileTest;

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

TEST_F(CompileProfile, MarksWhatNeedNotBeMapped) {
  const Compilation result =
      Run("root thing object thing\ntype thing\n  any pointer bytes 4K if-mapped\n"
          "  peer pointer if-mapped zeros\n  word string 8 if-mapped\n");
  EXPECT_EQ(FindType(result.graph, "bytes[4096]")->flags, MARROW_TYPE_QUIET);
  EXPECT_EQ(FindType(result.graph, "peer")->flags, MARROW_TYPE_QUIET | MARROW_TYPE_ZEROS);
  EXPECT_EQ(FindType(result.graph, "string[8]")->flags, MARROW_TYPE_QUIET | MARROW_TYPE_TEXT);
  EXPECT_EQ(FindType(result.graph, "thing")->flags, 0);
}

TEST_F(CompileProfile, MarksTheObjectsOfARootThatNeedNotBeMapped) {
  const Compilation result = Run("root thing object thing if-mapped\nroot thing object thing\n");
  ASSERT_EQ(result.graph.roots.size(), 2u);
  EXPECT_EQ(result.graph.types[result.graph.roots[0].type].flags, MARROW_TYPE_QUIET);
  EXPECT_EQ(result.graph.types[result.graph.roots[1].type].flags, 0);
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

TEST_F(CompileProfile, MakesLiveRoots) {
  const Compilation result =
      Run("live none?_stext none?orc_lookup_end string 64 priority 4 max-objects 9\n"
          "live thing orc_lookup object peer class log\n");
  EXPECT_THAT(result.missing, IsEmpty());
  ASSERT_EQ(result.graph.roots.size(), 2u);
  const marrow_root& text = result.graph.roots[0];
  EXPECT_EQ(text.kind, MARROW_ROOT_LIVE);
  EXPECT_EQ(text.address, 0xffffffff81000000u);
  EXPECT_EQ(text.elements, 4u) << "0x3014 bytes in whole pages";
  EXPECT_EQ(text.priority, 4);
  EXPECT_EQ(text.max_objects, 9u);
  EXPECT_EQ(NameOf(text.name), "live _stext");
  EXPECT_EQ(result.graph.types[text.type].bytes, 64u);
  EXPECT_EQ(result.graph.types[text.type].flags, MARROW_TYPE_TEXT);
  const marrow_root& object = result.graph.roots[1];
  EXPECT_EQ(object.elements, 1u);
  EXPECT_EQ(NameOf(result.graph.types[object.type].name), "peer");
  EXPECT_EQ(result.graph.types[object.type].region_class, MARROW_CLASS_LOG);
}

TEST_F(CompileProfile, ReportsLiveLinesThatGiveNothing) {
  const Compilation result =
      Run("live none _etext string\nlive _stext none?nada string\nlive _etext _stext string\n"
          "live _stext _stext string\nlive _stext _etext object none\n"
          "live none _etext string optional\nlive percpu_thing _stext string\n");
  EXPECT_THAT(result.missing, ElementsAre("p:1: no symbol none", "p:2: no symbol none?nada",
                                          "p:3: _stext does not lie behind _etext",
                                          "p:4: _stext does not lie behind _stext",
                                          "p:5: the kernel's types have no structure none",
                                          "p:7: percpu_thing and _stext lie too far apart"));
  EXPECT_THAT(result.skipped, ElementsAre("p:6: no symbol none"));
  EXPECT_EQ(result.graph.Encode(), "");
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

TEST_F(CompileProfile, LeavesPerCpuRootsOutWhereThereAreNoCpus) {
  const auto profile = ParseProfile("root percpu percpu_thing object peer\n", "p");
  KernelView view = MakeView(kSymbols, nullptr);
  view.possible_cpus = {};
  const Compilation result = Compile(*profile, view, types_);
  EXPECT_THAT(result.missing,
              ElementsAre("p:1: no per-CPU data: __per_cpu_offset or the possible CPUs are not "
                          "known"));
  EXPECT_EQ(result.graph.header.percpu_offsets, 0u);
}

TEST_F(CompileProfile, LeavesOutARootThatWraps) {
  const Compilation result = Run("root thing object thing elements 16M\n");
  EXPECT_THAT(result.missing, ElementsAre("p:1: thing passes the end of the address space"));
}

TEST_F(CompileProfile, LeavesOutAVariableThatIsTooLarge) {
  types_.Struct("xarray", 0x2000000, {{"xa_head", PointerTo("", 8)}});
  const Compilation result = Run("root thing xarray peer count 3\n");
  EXPECT_THAT(result.missing, ElementsAre("p:1: thing is too large"));
}

TEST_F(CompileProfile, LeavesOutMembersThatLieTooFar) {
  types_.Struct("thing", 0x200, {{"far", PointerTo("peer", UINT32_MAX)}});
  const Compilation result = Run("root thing object thing\ntype thing\n  far pointer\n");
  EXPECT_THAT(result.missing, ElementsAre("p:3: thing.far lies too far"));
}

TEST_F(CompileProfile, TakesEmptyStructures) {
  types_.Struct("empty", 0);
  const Compilation result = Run("root thing object empty elements 2\n");
  EXPECT_THAT(result.missing, IsEmpty());
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
