// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "guest/graph/walk.h"
#include "vmm_backend/base/page_source.h"
#include "vmm_backend/base/page_walk.h"
#include "vmm_backend/core/page_plan.h"

namespace marrow {

// A guest's virtual memory, through its own page tables, and what a plan takes of it. Bounded in
// memory, whatever the tables say. Not thread-safe.
class GuestSpace final : public graph::Space {
 public:
  // Both must outlive the space.
  GuestSpace(PageSource& source, PagePlan& plan) : source_(source), words_(source), plan_(plan) {}

  PageTableRoot root() const { return root_; }
  void set_root(PageTableRoot root);

  absl::StatusOr<Translation> TranslatePage(Gva page) const;

  // A page and the tables that lead to it are planned, under this address.
  struct Planned {
    Gpa gpa{};
    bool is_new = false;
    std::string why = "";  // why not; "" if it is
  };
  Planned Plan(Gva page);

  graph::PageView Look(std::uint64_t page) override;
  Kept Keep(std::uint64_t page) override;
  void KeepAsZeros(std::uint64_t page) override;

 private:
  // What is known of a page of the address space.
  struct Remembered {
    graph::PageView view = {};
    bool looked = false;
    bool kept = false;
  };
  // Where a large page of the guest is.
  struct Leaf {
    std::uint64_t number = ~std::uint64_t{0};  // its gva / kLeafBytes
    Translation translation;                   // of its first byte, or of its kLeafBytes
    bool tables_planned = false;
  };
  static constexpr std::uint64_t kLeafBytes = 2 << 20;

  Remembered& Remember(std::uint64_t page);
  graph::PageView LookUncached(std::uint64_t page);
  // The gpa of a page; its tables planned if they are to be.
  enum class Tables { kIgnore, kPlan };
  absl::StatusOr<Gpa> Find(std::uint64_t page, Tables tables);
  void PlanTables(const Translation& translation);

  PageSource& source_;
  PageWords words_;
  PagePlan& plan_;
  PageTableRoot root_;
  std::array<Leaf, 64> leaves_;
  absl::flat_hash_map<std::uint64_t, Remembered> remembered_;
};

}  // namespace marrow
