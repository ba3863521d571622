// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstring>
#include <map>
#include <span>

#include "guest/profile/kernel_view.h"
#include "tests/unit/guest/profile/fake_kernel.h"

namespace marrow::agent {

// RAM of whole pages, readable through the direct map only, with page tables in it.
class FakeRam final : public profile::KernelMemory {
 public:
  static constexpr std::uint64_t kRoot = 0x1000;

  FakeRam() { AddPage(kRoot); }

  void AddPage(std::uint64_t gpa) { pages_.try_emplace(gpa); }

  void Put64(std::uint64_t gpa, std::uint64_t value) {
    std::memcpy(pages_.at(gpa & ~kInside).data() + (gpa & kInside), &value, sizeof(value));
  }

  // Maps the page of `gva` to `gpa` by an entry at `leaf_level` (1: 4 KiB, 2: 2 MiB, 3: 1 GiB).
  void Map(std::uint64_t gva, std::uint64_t gpa, int leaf_level = 1, int levels = 4) {
    std::uint64_t table = kRoot;
    for (int level = levels; level > leaf_level; --level) {
      const std::uint64_t entry = EntryAt(table, gva, level);
      std::uint64_t next = 0;
      std::memcpy(&next, pages_.at(entry & ~kInside).data() + (entry & kInside), sizeof(next));
      if (next == 0) {
        next = next_table_ | kPresent;
        AddPage(next_table_);
        next_table_ += 0x1000;
        Put64(entry, next);
      }
      table = next & ~kInside;
    }
    Put64(EntryAt(table, gva, leaf_level), gpa | kPresent | (leaf_level > 1 ? kLarge : 0));
  }

  bool Read(std::uint64_t gva, std::span<std::byte> out) const override {
    if (gva < profile::kDirectMap) return false;
    const std::uint64_t gpa = gva - profile::kDirectMap;
    const auto page = pages_.find(gpa & ~kInside);
    if (page == pages_.end() || (gpa & kInside) + out.size() > page->second.size()) return false;
    std::memcpy(out.data(), page->second.data() + (gpa & kInside), out.size());
    return true;
  }

  static marrow_facts Facts(std::uint8_t levels = 4) {
    marrow_facts facts{};
    facts.page_table_root = kRoot;
    facts.page_table_levels = levels;
    facts.direct_map = profile::kDirectMap;
    return facts;
  }

 private:
  static constexpr std::uint64_t kInside = 0xfff;
  static constexpr std::uint64_t kPresent = 0x63;  // accessed, dirty, writable, present
  static constexpr std::uint64_t kLarge = 0x80;

  static std::uint64_t EntryAt(std::uint64_t table, std::uint64_t gva, int level) {
    return table + 8 * (gva >> (12 + 9 * (level - 1)) & 511);
  }

  std::map<std::uint64_t, std::array<std::byte, 4096>> pages_;
  std::uint64_t next_table_ = 0x2000;
};

}  // namespace marrow::agent
