// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/core/ram_map.h"
#include "vmm_backend/elfcore/core_writer.h"

namespace marrow {

inline constexpr absl::string_view kOverCaptureLimit = "over the configured limit for a capture";
inline constexpr absl::string_view kExcludedByPolicy = "its class is excluded by host policy";

// The pages of a capture while they are gathered: all RAM, none forbidden, never more than the
// budget.
class PagePlan {
 public:
  struct Added {
    bool is_new = false;
    absl::string_view why = "";  // why the page is not planned; "" if it is
  };

  // `ram` must outlive the plan.
  PagePlan(const RamMap& ram, std::uint64_t most_bytes);

  Added Add(Gpa page);
  // Of page tables that lead to other pages. One that cannot be planned is counted.
  void AddTable(Gpa page);
  // The page reads as zeros, unless it is added as well. Not RAM, forbidden, or one too many: left
  // out, and the last of these counted.
  void AddZeros(Gpa page);
  void AddAlias(Gva gva, Gpa page);
  // Keeps the pages of [begin, begin + bytes) out, whoever asks for them from now on. `bytes` is
  // not 0, and nothing wraps.
  void Forbid(Gpa begin, std::uint64_t bytes);

  bool HasRoom() const { return pages_.size() < most_pages_; }
  bool IsForbidden(Gpa page) const;
  bool IsRam(Gpa page) const { return ram_.Contains(page, kPageBytes); }
  std::uint64_t aliases_left_out() const { return aliases_left_out_; }
  std::uint64_t tables_left_out() const { return tables_left_out_.size(); }
  std::uint64_t zeros_left_out() const { return zeros_left_out_; }

  // Each sorted and without repetitions; neighbouring aliases joined.
  std::vector<Gpa> TakePages();
  std::vector<Gpa> TakeZeroPages();  // before TakePages
  std::vector<VirtualAlias> TakeAliases();

 private:
  const RamMap& ram_;
  std::uint64_t most_pages_;
  absl::flat_hash_set<std::uint64_t> taken_;
  absl::flat_hash_set<std::uint64_t> zeros_;
  std::map<std::uint64_t, std::uint64_t> forbidden_;  // first page to last page, disjoint
  std::vector<Gpa> pages_;
  std::vector<VirtualAlias> aliases_;
  std::uint64_t aliases_left_out_ = 0;
  absl::flat_hash_set<std::uint64_t> tables_left_out_;
  std::uint64_t zeros_left_out_ = 0;
};

}  // namespace marrow
