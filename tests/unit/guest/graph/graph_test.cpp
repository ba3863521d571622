// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/graph.h"

#include <gtest/gtest.h>

#include "tests/unit/guest/graph/graph_builder.h"

namespace marrow::graph {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST(ParseGraph, TakesTheTablesApart) {
  GraphBuilder build;
  build.Type("one", 8);
  const auto two = build.Type("two", 16);
  build.Edge(MARROW_EDGE_POINTER, 4, 0);
  build.Root("root", 0x1000, two);
  const auto graph = ParseGraph(AsBytes(build.Encode()));
  ASSERT_TRUE(graph.ok()) << graph.error();
  ASSERT_EQ(graph->types.size(), 2u);
  EXPECT_STREQ(graph->types[1].name, "two");
  EXPECT_EQ(graph->edges[0].offset, 4);
  EXPECT_EQ(graph->roots[0].address, 0x1000u);
  EXPECT_TRUE(graph->lookups.empty());
}

TEST(ParseGraph, SkipsWhatALaterHeaderAdds) {
  GraphBuilder build;
  build.Root("root", 0x1000, build.Type("one", 8));
  std::string block = build.Encode();
  block.insert(64, 64, 'x');
  block[0] = static_cast<char>(128);
  const auto graph = ParseGraph(AsBytes(block));
  ASSERT_TRUE(graph.ok()) << graph.error();
  EXPECT_STREQ(graph->types[0].name, "one");
}

TEST(ParseGraph, NamesTheFirstBadEntry) {
  GraphBuilder build;
  build.Type("one", 8);
  build.Edge(MARROW_EDGE_POINTER, 0, 0);
  build.Edge(MARROW_EDGE_POINTER, 0, 7);
  const auto graph = ParseGraph(AsBytes(build.Encode()));
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error(), "edge 1: its type is not in the table");
}

TEST(ParseGraph, RefusesBlocksWithoutAHeader) {
  for (const std::size_t bytes : {0, 1, 63}) {
    EXPECT_FALSE(ParseGraph(AsBytes(std::string(bytes, '\0'))).ok());
  }
}

}  // namespace
}  // namespace marrow::graph
