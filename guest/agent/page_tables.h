// SPDX-License-Identifier: Apache-2.0
// The kernel's page tables, walked as the host will walk them: /proc/kcore itself reads zeros where
// nothing is mapped, and does not tell which physical pages it reads.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "guest/profile/kernel_view.h"

namespace marrow::agent {

using profile::KernelMemory;

// Where a page is.
struct Mapping {
  std::uint64_t gpa = 0;
  std::array<std::uint64_t, 5> tables = {};  // gpa of the tables that lead to it, from the root
  std::size_t table_count = 0;
};

// x86-64. Remembers every table it read: for one look at a kernel, not to be kept. The memory must
// outlive it.
class PageTables {
 public:
  PageTables(const KernelMemory& memory, const marrow_facts& facts);

  // False if the facts do not say where root and direct map are: then nothing can be found.
  bool usable() const { return root_ != 0 && direct_map_ != 0; }
  // Of the page that holds `gva`; nothing if it is not mapped.
  std::optional<Mapping> Find(std::uint64_t gva);
  // All or nothing, through the direct map.
  bool ReadPhysical(std::uint64_t gpa, std::span<std::byte> out) const;

 private:
  using Table = std::array<std::uint64_t, 512>;

  // Null if it cannot be read.
  const Table* TableAt(std::uint64_t gpa);

  const KernelMemory* memory_;
  std::uint64_t root_;
  std::uint64_t direct_map_;
  int levels_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Table>> tables_;
};

}  // namespace marrow::agent
