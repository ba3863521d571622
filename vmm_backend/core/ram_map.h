// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm_backend/base/address.h"

namespace marrow {

struct GpaRange {
  Gpa begin{};
  std::uint64_t bytes = 0;

  std::uint64_t end() const { return Raw(begin) + bytes; }
  bool operator==(const GpaRange&) const = default;
};

// Which guest-physical addresses are RAM. All else (PCI hole, MMIO, ROM, beyond the end) is not
// read.
class RamMap {
 public:
  RamMap() = default;
  // Sorts and joins. InvalidArgument if a range wraps, is empty or unaligned to pages, or two
  // overlap.
  static absl::StatusOr<RamMap> Make(std::vector<GpaRange> ranges);

  std::span<const GpaRange> ranges() const { return ranges_; }
  std::uint64_t bytes() const;
  // True if all of [gpa, gpa + size) is RAM.
  bool Contains(Gpa gpa, std::uint64_t size) const;
  // The first RAM address at or after `address`, or 2^64 - 1 if there is none.
  std::uint64_t NextRam(std::uint64_t address) const;

 private:
  std::vector<GpaRange> ranges_;
};

}  // namespace marrow
