// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/page_tables.h"

#include <span>
#include <utility>

namespace marrow::agent {
namespace {

constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLargePage = 1 << 7;
constexpr std::uint64_t kAddressMask = 0x000ffffffffff000;
constexpr std::uint64_t kPageMask = 0xfff;

}  // namespace

PageTables::PageTables(const KernelMemory& memory, const marrow_facts& facts)
    : memory_(&memory),
      root_(facts.page_table_root & kAddressMask),
      direct_map_(facts.direct_map),
      levels_(facts.page_table_levels == 5 ? 5 : 4) {}

bool PageTables::ReadPhysical(std::uint64_t gpa, std::span<std::byte> out) const {
  return memory_->Read(direct_map_ + gpa, out);
}

const PageTables::Table* PageTables::TableAt(std::uint64_t gpa) {
  const auto known = tables_.find(gpa);
  if (known != tables_.end()) return known->second.get();
  auto table = std::make_unique<Table>();
  if (!ReadPhysical(gpa, std::as_writable_bytes(std::span(*table)))) table = nullptr;
  return tables_.emplace(gpa, std::move(table)).first->second.get();
}

std::optional<Mapping> PageTables::Find(std::uint64_t gva) {
  if (!usable()) return std::nullopt;
  Mapping mapping;
  std::uint64_t table_gpa = root_;
  for (int level = levels_;; --level) {
    const Table* table = TableAt(table_gpa);
    if (table == nullptr) return std::nullopt;
    mapping.tables[mapping.table_count++] = table_gpa;
    const int shift = 12 + 9 * (level - 1);
    const std::uint64_t entry = (*table)[gva >> shift & 511];
    if ((entry & kPresent) == 0) return std::nullopt;
    const bool leaf = level == 1 || (level <= 3 && (entry & kLargePage) != 0);
    if (!leaf) {
      table_gpa = entry & kAddressMask;
      continue;
    }
    // Bit 12 of a large page's entry is an attribute, not part of its address.
    const std::uint64_t inside = (std::uint64_t{1} << shift) - 1;
    mapping.gpa = ((entry & kAddressMask & ~inside) | (gva & inside)) & ~kPageMask;
    return mapping;
  }
}

}  // namespace marrow::agent
