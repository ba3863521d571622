// SPDX-License-Identifier: Apache-2.0
// Which graph blocks are sound, and where the others are not.
#include "guest/lib/graph_check.h"

#include <gtest/gtest.h>

#include <functional>

#include "graph_block.h"

namespace marrow::guest {
namespace {

GraphFault Check(const std::string& block) { return CheckGraph(block.data(), block.size()); }

marrow_graph_header HeaderOf(const std::string& block) {
  marrow_graph_header header;
  std::memcpy(&header, block.data(), sizeof(header));
  return header;
}

std::string With(std::string block, const marrow_graph_header& header) {
  std::memcpy(block.data(), &header, sizeof(header));
  return block;
}

TEST(GraphCheck, AcceptsEveryKindOfEntry) {
  const GraphFault fault = Check(SampleGraph().Encode());
  EXPECT_TRUE(fault.ok()) << PartName(fault.part) << " " << fault.index << ": " << fault.what;
}

TEST(GraphCheck, AcceptsAnEmptyGraph) { EXPECT_TRUE(Check(GraphBlock().Encode()).ok()); }

TEST(GraphCheck, AcceptsAnyAlignment) {
  const std::string block = SampleGraph().Encode();
  const std::string shifted = "x" + block;
  EXPECT_TRUE(CheckGraph(shifted.data() + 1, block.size()).ok());
}

TEST(GraphCheck, RejectsLessThanAHeader) {
  const std::string block = GraphBlock().Encode();
  EXPECT_FALSE(CheckGraph(nullptr, 0).ok());
  EXPECT_FALSE(CheckGraph(nullptr, 64).ok());
  for (const size_t bytes : {0u, 1u, 63u}) EXPECT_FALSE(CheckGraph(block.data(), bytes).ok());
}

TEST(GraphCheck, RejectsABlockCutAnywhere) {
  const std::string block = SampleGraph().Encode();
  for (size_t bytes = 0; bytes < block.size(); ++bytes) {
    // A private allocation, so that a sanitizer sees a read behind the end.
    const std::vector<char> cut(block.begin(), block.begin() + static_cast<ptrdiff_t>(bytes));
    EXPECT_FALSE(CheckGraph(cut.data(), cut.size()).ok()) << bytes;
  }
}

TEST(GraphCheck, IgnoresWhatLaterMinorVersionsPutBehindTheTables) {
  EXPECT_TRUE(Check(SampleGraph().Encode() + std::string(64, '\x55')).ok());
}

TEST(GraphCheck, FindsTheTablesBehindALargerHeader) {
  const std::string block = SampleGraph().Encode();
  std::string grown = block;
  grown.insert(sizeof(marrow_graph_header), 64, '\x55');
  auto header = HeaderOf(grown);
  EXPECT_FALSE(Check(grown).ok());
  header.header_bytes = 128;
  EXPECT_TRUE(Check(With(grown, header)).ok());
}

TEST(GraphCheck, IgnoresReservedBytesAndUnknownFlags) {
  GraphBlock graph = SampleGraph();
  std::memset(graph.header.reserved, 0x55, sizeof(graph.header.reserved));
  std::memset(graph.types[0].reserved, 0x55, sizeof(graph.types[0].reserved));
  graph.types[0].flags = 0xfffe;
  graph.edges[0].flags = 0xffff;
  std::memset(graph.edges[0].reserved, 0x55, sizeof(graph.edges[0].reserved));
  EXPECT_TRUE(Check(graph.Encode()).ok());
}

using HeaderChange = std::function<void(marrow_graph_header&)>;

TEST(GraphCheck, RejectsHeadersOneByOne) {
  const struct {
    const char* name;
    bool sound;
    HeaderChange change;
  } cases[] = {
      {"header_bytes 0", false, [](auto& h) { h.header_bytes = 0; }},
      {"header_bytes 60", false, [](auto& h) { h.header_bytes = 60; }},
      {"header_bytes 72", false, [](auto& h) { h.header_bytes = 72; }},
      {"header_bytes huge", false, [](auto& h) { h.header_bytes = 0xffffffc0; }},
      {"types max", false, [](auto& h) { h.type_count = UINT32_MAX; }},
      {"edges max", false, [](auto& h) { h.edge_count = UINT32_MAX; }},
      {"roots max", false, [](auto& h) { h.root_count = UINT32_MAX; }},
      {"lookups max", false, [](auto& h) { h.lookup_count = UINT32_MAX; }},
      {"all max", false,
       [](auto& h) { h.type_count = h.edge_count = h.root_count = h.lookup_count = UINT32_MAX; }},
      {"lookup too many", false, [](auto& h) { ++h.lookup_count; }},
      {"cpus max", true, [](auto& h) { h.cpu_count = kGraphMaxCpus; }},
      {"cpus max+1", false, [](auto& h) { h.cpu_count = kGraphMaxCpus + 1; }},
      {"offsets of no cpu", false, [](auto& h) { h.cpu_count = 0; }},
      {"offsets wrap", false, [](auto& h) { h.percpu_offsets = UINT64_MAX - 15; }},
      {"offsets at the end", true, [](auto& h) { h.percpu_offsets = UINT64_MAX - 16; }},
      {"stack 2048", false, [](auto& h) { h.stack_bytes = 2048; }},
      {"stack 4096", true, [](auto& h) { h.stack_bytes = 4096; }},
      {"stack 12288", false, [](auto& h) { h.stack_bytes = 12288; }},
      {"stack 1 MiB", true, [](auto& h) { h.stack_bytes = 1 << 20; }},
      {"stack 2 MiB", false, [](auto& h) { h.stack_bytes = 1 << 21; }},
      {"code max", true, [](auto& h) { h.text_before = h.text_after = kGraphMaxCodeBytes; }},
      {"code before", false, [](auto& h) { h.text_before = kGraphMaxCodeBytes + 1; }},
      {"code after", false, [](auto& h) { h.text_after = UINT32_MAX; }},
  };
  const std::string block = SampleGraph().Encode();
  for (const auto& c : cases) {
    marrow_graph_header header = HeaderOf(block);
    c.change(header);
    const GraphFault fault = Check(With(block, header));
    EXPECT_EQ(fault.ok(), c.sound) << c.name;
    EXPECT_EQ(fault.part, GraphPart::kHeader) << c.name;
  }
}

struct EntryCase {
  const char* name;
  const char* what;  // nullptr: sound
  GraphPart part;
  uint32_t index;
  std::function<void(GraphBlock&)> change;
};

void CheckAll(const std::vector<EntryCase>& cases) {
  for (const EntryCase& c : cases) {
    SCOPED_TRACE(c.name);
    GraphBlock graph = SampleGraph();
    c.change(graph);
    const GraphFault fault = Check(graph.Encode());
    ASSERT_EQ(fault.ok(), c.what == nullptr) << (fault.ok() ? "" : fault.what);
    if (fault.ok()) continue;
    EXPECT_STREQ(fault.what, c.what);
    EXPECT_EQ(fault.part, c.part);
    EXPECT_EQ(fault.index, c.index);
  }
}

TEST(GraphCheck, RejectsTypesOneByOne) {
  constexpr auto kPart = GraphPart::kType;
  CheckAll({
      {"bytes max", nullptr, kPart, 0, [](auto& g) { g.types[0].bytes = kGraphMaxObjectBytes; }},
      {"bytes", "objects of more than 64 MiB", kPart, 0,
       [](auto& g) { g.types[0].bytes = kGraphMaxObjectBytes + 1; }},
      {"stride", "a stride of more than 64 MiB", kPart, 1,
       [](auto& g) { g.types[1].stride = kGraphMaxObjectBytes + 1; }},
      {"edges", "its edges are not in the table", kPart, 0,
       [](auto& g) { g.types[0].edge_count = 7; }},
      {"edges wrap", "its edges are not in the table", kPart, 0,
       [](auto& g) { g.types[0].first_edge = UINT32_MAX; }},
      {"no edges at the end", nullptr, kPart, 0,
       [](auto& g) {
         g.types[0].first_edge = 6;
         g.types[0].edge_count = 0;
       }},
      {"class", "unknown region class", kPart, 2, [](auto& g) { g.types[2].region_class = 5; }},
  });
}

TEST(GraphCheck, RejectsEdgesOneByOne) {
  constexpr auto kPart = GraphPart::kEdge;
  CheckAll({
      {"kind 0", "unknown edge kind", kPart, 0, [](auto& g) { g.edges[0].kind = 0; }},
      {"kind 7", "unknown edge kind", kPart, 5, [](auto& g) { g.edges[5].kind = 7; }},
      {"target", "its type is not in the table", kPart, 1, [](auto& g) { g.edges[1].target = 3; }},
      {"no words", "a field without words", kPart, 2, [](auto& g) { g.edges[2].count = 0; }},
      {"words max", nullptr, kPart, 0, [](auto& g) { g.edges[0].count = kGraphMaxWords; }},
      {"words max+1", "a field of too many words", kPart, 0,
       [](auto& g) { g.edges[0].count = kGraphMaxWords + 1; }},
      {"one word needs no stride", nullptr, kPart, 0, [](auto& g) { g.edges[0].stride = 0; }},
      {"words need a stride", "words in a row without a stride", kPart, 0,
       [](auto& g) {
         g.edges[0].stride = 0;
         g.edges[0].count = 2;
       }},
      {"word stride", "a stride of more than 64 MiB", kPart, 0,
       [](auto& g) { g.edges[0].stride = kGraphMaxObjectBytes + 1; }},
      {"tag", "tag_value has bits that tag_mask lacks", kPart, 0,
       [](auto& g) { g.edges[0].tag_value = 1; }},
      {"width 3", "elements_width is none of 0, 1, 2, 4, 8", kPart, 0,
       [](auto& g) { g.edges[0].elements_width = 3; }},
      {"width 8", nullptr, kPart, 0, [](auto& g) { g.edges[0].elements_width = 8; }},
      {"width 16", "elements_width is none of 0, 1, 2, 4, 8", kPart, 0,
       [](auto& g) { g.edges[0].elements_width = 16; }},
      {"no elements", "no elements", kPart, 3, [](auto& g) { g.edges[3].elements = 0; }},
      {"elements max", nullptr, kPart, 3, [](auto& g) { g.edges[3].elements = kGraphMaxWords; }},
      {"elements", "too many elements", kPart, 3,
       [](auto& g) { g.edges[3].elements = kGraphMaxWords + 1; }},
      {"row", "objects in a row of a type without stride", kPart, 0,
       [](auto& g) {
         g.edges[0].target = 1;
         g.edges[0].elements = 2;
       }},
      {"offsets at the extremes", nullptr, kPart, 0,
       [](auto& g) {
         g.edges[0].offset = g.edges[0].adjust = INT32_MIN;
         g.edges[0].link = g.edges[0].elements_offset = INT32_MAX;
       }},
      {"stack", "a stack without stack_bytes", kPart, 4, [](auto& g) { g.header.stack_bytes = 0; }},
      {"per CPU", "per-CPU data without percpu_offsets", kPart, 3,
       [](auto& g) { g.header.percpu_offsets = 0; }},
      {"stack has no elements", nullptr, kPart, 4, [](auto& g) { g.edges[4].elements = 0; }},
      {"lookup entry 0", "a lookup entry of no or too many bytes", kPart, 5,
       [](auto& g) { g.edges[5].stride = 0; }},
      {"lookup entry max", "a lookup entry of no or too many bytes", kPart, 5,
       [](auto& g) { g.edges[5].stride = kGraphMaxLookupEntryBytes + 1; }},
      {"lookup elements", "no elements", kPart, 5, [](auto& g) { g.edges[5].elements = 0; }},
  });
}

TEST(GraphCheck, RejectsRootsOneByOne) {
  constexpr auto kPart = GraphPart::kRoot;
  CheckAll({
      {"kind", "unknown root kind", kPart, 0, [](auto& g) { g.roots[0].kind = 0; }},
      {"kind 4", "unknown root kind", kPart, 1, [](auto& g) { g.roots[1].kind = 4; }},
      {"type", "its type is not in the table", kPart, 1, [](auto& g) { g.roots[1].type = 3; }},
      {"no elements", "no elements", kPart, 0, [](auto& g) { g.roots[0].elements = 0; }},
      {"row", "objects in a row of a type without stride", kPart, 1,
       [](auto& g) { g.roots[1].elements = 2; }},
      {"wraps", "it passes the end of the address space", kPart, 0,
       [](auto& g) { g.roots[0].address = UINT64_MAX - 8999; }},
      {"ends at the end", nullptr, kPart, 0,
       [](auto& g) { g.roots[0].address = UINT64_MAX - 9000; }},
      {"row wraps", "it passes the end of the address space", kPart, 0,
       [](auto& g) {
         g.roots[0].address = UINT64_MAX - 9024 - 8999;
         g.roots[0].elements = 2;
       }},
      {"per CPU", "per-CPU data without percpu_offsets", kPart, 1,
       [](auto& g) {
         g.edges[3].kind = MARROW_EDGE_POINTER;
         g.header.percpu_offsets = 0;
       }},
  });
}

TEST(GraphCheck, RejectsLiveRootsOneByOne) {
  constexpr auto kPart = GraphPart::kRoot;
  const auto live = [](uint64_t address, uint32_t pages, uint32_t type) {
    return [=](GraphBlock& g) {
      g.roots[1] = {address, type, MARROW_ROOT_LIVE, 0, pages, 0, 0, "live"};
    };
  };
  const char* const kEnd = "it passes the end of the address space";
  CheckAll({
      {"one page", nullptr, kPart, 1, live(0xffffffff82000000, 1, 1)},
      {"type", "its type is not in the table", kPart, 1, live(0, 1, 3)},
      {"no pages", "no elements", kPart, 1, live(0, 0, 1)},
      {"a type without stride", nullptr, kPart, 1, live(0, kGraphMaxWords, 1)},
      {"too many pages", "too many elements", kPart, 1, live(0, kGraphMaxWords + 1, 1)},
      {"ends at the end", nullptr, kPart, 1, live(UINT64_MAX - 8192, 2, 1)},
      {"wraps", kEnd, kPart, 1, live(UINT64_MAX - 8191, 2, 1)},
  });
}

TEST(GraphCheck, RejectsLookupsOneByOne) {
  constexpr auto kPart = GraphPart::kLookup;
  const char* const kEnd = "it passes the end of the address space";
  CheckAll({
      {"no text", "no text", kPart, 0,
       [](auto& g) { g.lookups[0].text_end = g.lookups[0].text_begin; }},
      {"blocks", "blocks of no bytes", kPart, 0, [](auto& g) { g.lookups[0].block_bytes = 0; }},
      {"index 1", "an index of less than two numbers", kPart, 0,
       [](auto& g) { g.lookups[0].index_count = 1; }},
      {"index 2", nullptr, kPart, 0, [](auto& g) { g.lookups[0].index_count = 2; }},
      {"no entries", "no entries", kPart, 0, [](auto& g) { g.lookups[0].entry_count = 0; }},
      {"entries of nothing", "a lookup entry of no or too many bytes", kPart, 0,
       [](auto& g) { g.lookups[0].entry_bytes = 0; }},
      {"entries too large", "a lookup entry of no or too many bytes", kPart, 0,
       [](auto& g) { g.lookups[0].entry_bytes = kGraphMaxLookupEntryBytes + 1; }},
      {"index wraps", kEnd, kPart, 0, [](auto& g) { g.lookups[0].index = UINT64_MAX - 100; }},
      {"keys wrap", kEnd, kPart, 0, [](auto& g) { g.lookups[0].keys = UINT64_MAX - 100; }},
      {"entries wrap", kEnd, kPart, 0, [](auto& g) { g.lookups[0].entries = UINT64_MAX - 100; }},
  });
}

TEST(GraphCheck, HasANameForEveryPart) {
  EXPECT_STREQ(PartName(GraphPart::kHeader), "header");
  EXPECT_STREQ(PartName(GraphPart::kLookup), "lookup");
  EXPECT_STREQ(PartName(static_cast<GraphPart>(99)), "entry");
}

}  // namespace
}  // namespace marrow::guest
