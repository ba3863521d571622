// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "vmm_backend/base/page_walk.h"
#include "vmm_backend/capture/guest_memory.h"
#include "vmm_backend/core/plan.h"

namespace marrow {

// Page-table words, each table page read once. Not thread-safe. Holds at most one page for each
// ReadWord of a distinct table; PlanCapture bounds how many those are.
class TableWords final : public PhysicalWordReader {
 public:
  explicit TableWords(const GuestMemory& memory) : memory_(memory) {}
  absl::StatusOr<std::uint64_t> ReadWord(Gpa gpa) const override;

 private:
  const GuestMemory& memory_;
  mutable std::unordered_map<std::uint64_t, std::string> pages_;
};

// Pages as they were at the moment of the capture.
struct CapturedPages {
  std::vector<Gpa> pages;  // sorted, unique
  std::string bytes;       // pages.size() * kPageBytes, in the same order

  Bytes Page(std::size_t i) const { return AsBytes(bytes).subspan(i * kPageBytes, kPageBytes); }
  bool Contains(Gpa page) const;
};

// Reads `pages` (sorted, unique), neighbours in one go. A page that cannot be read is left out and
// its reason appended to `missing`.
CapturedPages ReadPages(const GuestMemory& memory, const std::vector<Gpa>& pages,
                        std::vector<MissingPart>& missing);

}  // namespace marrow
