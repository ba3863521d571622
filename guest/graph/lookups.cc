// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/lookups.h"

#include <algorithm>
#include <string>
#include <utility>

namespace marrow::graph {
namespace {

// Kernels have some ten entries in a block.
constexpr std::uint64_t kMostBlockEntries = 4096;
// Of modules: a kernel has some hundred.
constexpr std::size_t kMostTables = 4096;
constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;
// Numbers in the visited set; below them are the indexes of the graph's lookups.
constexpr std::uint32_t kCode = 1u << 30;
constexpr std::uint32_t kModule = kCode + 1;

}  // namespace

bool Lookups::FirstTime(std::uint64_t address, std::uint32_t number) {
  std::uint64_t probes = 0;
  const bool first = seen_.Insert(address, number, probes);
  return meter_.Take(probes) && first;
}

// `address` is in [text_begin, text_end].
void Lookups::KeepCode(const Origin& origin, std::uint64_t address, std::uint64_t text_begin,
                       std::uint64_t text_end) {
  const std::uint64_t before = graph_.header.text_before;
  const std::uint64_t after = graph_.header.text_after;
  const std::uint64_t begin = address - std::min(before, address - text_begin);
  const std::uint64_t end = address + std::min(after, text_end - address);
  if (begin != end) ledger_.KeepRange(origin, begin, end - begin);
}

void Lookups::TryAddress(std::uint64_t address) {
  addresses_.push_back(address);
  TryGraph({}, address);
}

void Lookups::TryGraph(const Origin& origin, std::uint64_t address) {
  if (address < kKernelHalf) return;
  for (std::uint32_t i = 0; i < graph_.lookups.size() && !ledger_.IsOver(origin); ++i) {
    const marrow_lookup& lookup = graph_.lookups[i];
    if (!meter_.Take()) return;
    // A return address may be the first byte behind its function: unwinders look up the byte
    // before.
    if (address < lookup.text_begin || address > lookup.text_end) continue;
    if (!FirstTime(address, kCode)) return;
    if (address < lookup.text_end) SearchBlock(origin, lookup, address);
    if (address > lookup.text_begin) SearchBlock(origin, lookup, address - 1);
    KeepCode(origin, address, lookup.text_begin, lookup.text_end);
  }
}

void Lookups::SearchBlock(const Origin& origin, const marrow_lookup& lookup,
                          std::uint64_t address) {
  const std::uint64_t block = (address - lookup.text_begin) / lookup.block_bytes;
  const std::uint64_t index = lookup.index + 4 * block;
  if (!FirstTime(index, static_cast<std::uint32_t>(&lookup - graph_.lookups.data()))) return;
  if (block + 1 >= lookup.index_count) {
    ledger_.ComplainOf("text lookup", origin, address, "its block is behind the end of the index");
    return;
  }
  if (!ledger_.KeepRange(origin, index, 8)) return;
  const auto first = ledger_.Number(origin, index, 4);
  const auto next = ledger_.Number(origin, index + 4, 4);
  if (!first || !next) return;
  const std::uint64_t last = std::min<std::uint64_t>(*next, lookup.entry_count - 1);
  if (*first > last || last - *first >= kMostBlockEntries) {
    ledger_.ComplainOf("text lookup", origin, index, "the index's numbers are no range of entries");
    return;
  }
  const std::uint64_t count = last - *first + 1;
  ledger_.KeepRange(origin, lookup.keys + 4 * *first, 4 * count);
  ledger_.KeepRange(origin, lookup.entries + *first * lookup.entry_bytes,
                    count * lookup.entry_bytes);
}

template <typename Function>
void Lookups::ForEachWord(const Stack& stack, Function function) {
  std::uint64_t at = stack.begin;
  while (at >= stack.begin && at < stack.end) {
    if (ledger_.IsOver(stack.origin) || !meter_.Take()) return;
    const auto word = reader_.Word(at);
    if (word) function(*word);
    at = BehindWord(at, word.has_value());
  }
}

void Lookups::TryStack(const Origin& origin, std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  const Stack stack{.origin = origin, .begin = (begin + 7) & ~std::uint64_t{7}, .end = end};
  if (stack.begin < begin) return;
  stacks_.push_back(stack);
  if (graph_.lookups.empty()) return;
  ForEachWord(stack, [&](std::uint64_t word) { TryGraph(origin, word); });
}

void Lookups::AddTable(const Origin& origin, std::uint64_t keys, std::uint64_t entries,
                       std::uint64_t count, std::uint32_t entry_bytes) {
  if (keys == 0 || entries == 0 || count == 0) return;
  if (tables_.size() >= kMostTables) {
    if (!std::exchange(too_many_told_, true)) {
      ledger_.Complain(origin, keys,
                       "more than " + std::to_string(kMostTables) + " lookup tables of modules");
    }
    return;
  }
  if (keys + 4 * count < keys || entries + entry_bytes * count < entries) {
    ledger_.Complain(origin, keys, "it passes the end of the address space");
    return;
  }
  const auto first = ledger_.Number(origin, keys, 4);
  const std::uint64_t last_key = keys + 4 * (count - 1);
  const auto last = ledger_.Number(origin, last_key, 4);
  if (!first || !last) return;
  const auto address = [](std::uint64_t key, std::uint64_t number) {
    return key + static_cast<std::uint64_t>(
                     std::int64_t{static_cast<std::int32_t>(static_cast<std::uint32_t>(number))});
  };
  const Table table{.text_begin = address(keys, *first),
                    .text_last = address(last_key, *last),
                    .keys = keys,
                    .entries = entries,
                    .count = count,
                    .entry_bytes = entry_bytes,
                    .origin = origin};
  if (table.text_begin > table.text_last) {
    ledger_.Complain(origin, keys, "its keys are not sorted");
    return;
  }
  tables_.push_back(table);
}

void Lookups::TryTables(const Origin& origin, std::uint64_t address) {
  if (address < kKernelHalf) return;
  const auto behind = std::upper_bound(
      tables_.begin(), tables_.end(), address,
      [](std::uint64_t value, const Table& table) { return value < table.text_begin; });
  if (behind == tables_.begin()) return;
  const Table& table = *std::prev(behind);
  if (address > table.text_last || !FirstTime(address, kModule)) return;
  SearchTable(origin, table, address);
  if (address > table.text_begin) SearchTable(origin, table, address - 1);
  KeepCode(origin, address, table.text_begin, table.text_last);
}

// As the kernel's search goes, step by step: a debugger repeats it over the captured pages.
void Lookups::SearchTable(const Origin& origin, const Table& table, std::uint64_t address) {
  std::uint64_t low = 0;
  std::uint64_t high = table.count;  // the entry sought is in [low, high), or is `found`
  std::uint64_t found = 0;
  while (low < high) {
    const std::uint64_t middle = low + (high - 1 - low) / 2;
    const std::uint64_t key = table.keys + 4 * middle;
    if (!ledger_.KeepRange(origin, key, 4)) return;
    const auto number = ledger_.Number(origin, key, 4);
    if (!number) return;
    const auto distance = static_cast<std::int32_t>(static_cast<std::uint32_t>(*number));
    if (key + static_cast<std::uint64_t>(std::int64_t{distance}) <= address) {
      found = middle;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const std::uint64_t first = found == 0 ? 0 : found - 1;
  const std::uint64_t last = std::min(found + 1, table.count - 1);
  ledger_.KeepRange(origin, table.entries + first * table.entry_bytes,
                    (last - first + 1) * table.entry_bytes);
}

void Lookups::CatchUp() {
  if (tables_.empty()) return;
  if (tables_.size() != tables_tried_) {
    if (!meter_.Take(tables_.size())) return;
    std::sort(tables_.begin(), tables_.end(),
              [](const Table& a, const Table& b) { return a.text_begin < b.text_begin; });
    for (const std::uint64_t address : addresses_) {
      if (!meter_.Take()) return;
      TryTables({}, address);
    }
    stacks_tried_ = 0;
  }
  tables_tried_ = tables_.size();
  for (; stacks_tried_ < stacks_.size() && !meter_.stopped(); ++stacks_tried_) {
    const Stack& stack = stacks_[stacks_tried_];
    ForEachWord(stack, [&](std::uint64_t word) { TryTables(stack.origin, word); });
    if (meter_.stopped()) ledger_.Truncate(stack.origin.root, meter_.why());
  }
}

}  // namespace marrow::graph
