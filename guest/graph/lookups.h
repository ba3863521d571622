// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "guest/graph/ledger.h"
#include "guest/graph/visited.h"

namespace marrow::graph {

// Keeps what an unwinder looks at for text addresses: its sorted tables, as far as it searches
// them, and the code there.
class Lookups {
 public:
  Lookups(const WalkInput& input, Reader& reader, Ledger& ledger, Meter& meter)
      : graph_(*input.graph), reader_(reader), ledger_(ledger), meter_(meter) {}

  // An address of text, of no root, if it lies in the text of a table. The graph's own tables are
  // tried here, the modules' by CatchUp: they may still have to be found.
  void TryAddress(std::uint64_t address);
  // As TryAddress, for each word in [begin, end).
  void TryStack(const Origin& origin, std::uint64_t begin, std::uint64_t end);
  // A module's own table.
  void AddTable(const Origin& origin, std::uint64_t keys, std::uint64_t entries,
                std::uint64_t count, std::uint32_t entry_bytes);
  // Looks the words of all stacks up in all modules' tables, if there is anything new of either.
  void CatchUp();

 private:
  struct Table {
    std::uint64_t text_begin = 0;
    std::uint64_t text_last = 0;
    std::uint64_t keys = 0;
    std::uint64_t entries = 0;
    std::uint64_t count = 0;  // at least 1
    std::uint32_t entry_bytes = 0;
    Origin origin;
  };
  struct Stack {
    Origin origin;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  void TryGraph(const Origin& origin, std::uint64_t address);
  bool FirstTime(std::uint64_t address, std::uint32_t number);
  void KeepCode(const Origin& origin, std::uint64_t address, std::uint64_t text_begin,
                std::uint64_t text_end);
  void TryTables(const Origin& origin, std::uint64_t address);
  void SearchBlock(const Origin& origin, const marrow_lookup& lookup, std::uint64_t address);
  void SearchTable(const Origin& origin, const Table& table, std::uint64_t address);
  template <typename Function>
  void ForEachWord(const Stack& stack, Function function);

  const Graph& graph_;
  Reader& reader_;
  Ledger& ledger_;
  Meter& meter_;
  VisitedSet seen_;
  std::vector<Table> tables_;  // after CatchUp by text_begin
  std::vector<Stack> stacks_;
  std::vector<std::uint64_t> addresses_;  // of no root
  std::size_t tables_tried_ = 0;
  bool too_many_told_ = false;
  std::size_t stacks_tried_ = 0;
};

}  // namespace marrow::graph
