// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/link_compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile_fixture.h"

namespace marrow::profile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

using CompileLink = CompileTest;

TEST_F(CompileLink, LinksFieldsByKind) {
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

TEST_F(CompileLink, TakesTheFirstMemberThatExists) {
  EXPECT_THAT(Edges("none?peer pointer"), ElementsAre("pointer peer @16"));
  EXPECT_THAT(Edges("peer pointer peer.none?node"), ElementsAre("pointer peer @16 adjust -8"));
}

TEST_F(CompileLink, FollowsATableOfPointers) {
  EXPECT_THAT(Edges("any table peer.node elements number tag 1=0"),
              ElementsAre("pointer table<peer> @24 elements 65536 at 416 width 4"));
  EXPECT_THAT(Edges("any table peer.node elements number tag 1=0", "table<peer>"),
              ElementsAre("pointer peer @0 mask 1 value 0 adjust -8"));
}

TEST_F(CompileLink, MakesNodesOfRbtrees) {
  EXPECT_THAT(Edges("tree rbtree peer.rb"), ElementsAre("pointer rb_node<peer> @272"));
  EXPECT_THAT(Edges("cached rbtree peer.rb"), ElementsAre("pointer rb_node<peer> @280 stride 16"));
  EXPECT_THAT(
      Edges("tree rbtree peer.rb", "rb_node<peer>"),
      ElementsAre("embedded peer @-24", "pointer rb_node<peer> @16", "pointer rb_node<peer> @8"));
}

TEST_F(CompileLink, MakesNodesOfXarrays) {
  EXPECT_THAT(Edges("xa xarray peer"),
              ElementsAre("pointer xa_node<peer> @312 stride 16 mask 3 value 2 clear 3",
                          "pointer peer @312 stride 16 mask 3 value 0"));
  EXPECT_THAT(Edges("idr xarray peer").front(), HasSubstr("@328"));
  EXPECT_THAT(Edges("any xarray peer").front(), HasSubstr("@24"));
  EXPECT_THAT(Edges("xa xarray peer", "xa_node<peer>"),
              ElementsAre("pointer xa_node<peer> @40 count 64 mask 3 value 2 clear 3",
                          "pointer peer @40 count 64 mask 3 value 0"));
}

TEST_F(CompileLink, MakesNodesOfMapleTrees) {
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

TEST_F(CompileLink, TakesTheLastSlotOfAMapleLeafForAnObjectOnlyIfItIsNoCount) {
  EXPECT_THAT(Edges("mt maple peer", "maple_leaf<peer>"),
              ElementsAre("pointer peer @128 count 15 mask 3 value 0",
                          "pointer peer @248 mask 15 value 0 clear 15",
                          "pointer peer @248 mask 15 value 8 clear 15 adjust 8"));
}

TEST_F(CompileLink, RefusesNodesThatNoTreeHas) {
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1} << 30}) {
    types_.Struct("maple_node", bytes).Struct("xa_node", bytes);
    EXPECT_THAT(Missing("mt maple peer"),
                ElementsAre("p:3: the kernel's types have no structure maple_node"));
    EXPECT_THAT(Missing("xa xarray peer"),
                ElementsAre("p:3: the kernel's types have no structure xa_node"));
  }
  types_.Struct("maple_node", 256).Struct("xa_node", 576);
  EXPECT_THAT(Missing("mt maple peer"), ElementsAre("p:3: maple_node has no slot"));
  EXPECT_THAT(Missing("xa xarray peer"), ElementsAre("p:3: xa_node has no slots"));
}

TEST_F(CompileLink, ReportsWhatTheKernelLacks) {
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

}  // namespace
}  // namespace marrow::profile
