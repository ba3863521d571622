// SPDX-License-Identifier: Apache-2.0
// The living kernel as the memory that a graph is followed through.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "guest/agent/page_tables.h"
#include "guest/graph/walk.h"
#include "guest/profile/kernel_view.h"
#include "guest/profile/resolver.h"

namespace marrow::agent {

using profile::KernelView;
using profile::RegionSpec;

// Counts the pages that a dump would hold now: by gpa, so each once whatever addresses lead to it,
// page tables included. Remembers all it read. Where the facts do not tell how to walk page tables,
// pages are read by gva, and counted by gva where no linear mapping tells more. `view` must outlive
// it and have memory.
class KcoreSpace final : public graph::Space {
 public:
  KcoreSpace(const KernelView& view, const marrow_facts& facts)
      : view_(&view), tables_(*view.memory, facts) {}

  graph::PageView Look(std::uint64_t page) override;
  Kept Keep(std::uint64_t page) override;
  // Costs nothing in a dump.
  void KeepAsZeros(std::uint64_t /*page*/) override {}

  // Keeps all pages of a region. Returns how many were not kept before.
  std::uint64_t KeepRegion(const RegionSpec& region);

  // Pages kept so far, page tables among them.
  std::uint64_t kept_pages() const { return kept_.size(); }
  std::uint64_t kept_tables() const { return kept_tables_.size(); }

 private:
  using Page = std::array<std::byte, 4096>;

  struct Looked {
    std::unique_ptr<Page> bytes;  // null: cannot be had
    const char* why = "";
    Mapping mapping;
  };

  const Looked& Remember(std::uint64_t page);

  const KernelView* view_;
  PageTables tables_;
  std::unordered_map<std::uint64_t, Looked> looked_;  // by gva
  std::unordered_set<std::uint64_t> kept_;
  std::unordered_set<std::uint64_t> kept_tables_;
};

}  // namespace marrow::agent
