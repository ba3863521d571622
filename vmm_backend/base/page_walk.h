// SPDX-License-Identifier: Apache-2.0
// x86-64 address translation (Intel SDM volume 3A, 4.5: 4-level and 5-level paging) over tables
// that a guest controls. Bounded: at most `levels` table reads for each translation.
#pragma once

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm_backend/base/address.h"

namespace marrow {

// Reads one naturally aligned 8-byte word of guest-physical memory.
class PhysicalWordReader {
 public:
  virtual ~PhysicalWordReader() = default;
  virtual absl::StatusOr<std::uint64_t> ReadWord(Gpa gpa) const = 0;
};

struct PageTableRoot {
  Gpa table{};     // page-aligned
  int levels = 4;  // 4 or 5
};

struct Translation {
  Gpa gpa{};
  std::uint64_t leaf_bytes = 0;      // 4 KiB, 2 MiB or 1 GiB: the page that holds gpa
  std::array<Gpa, 5> table_pages{};  // the tables read, top first
  int table_count = 0;
};

// NotFound when the address is not mapped, OutOfRange when it is not canonical, InvalidArgument for
// a root that no processor accepts, else the reader's error. Permission bits are not looked at.
absl::StatusOr<Translation> Translate(const PhysicalWordReader& memory, PageTableRoot root,
                                      Gva gva);

}  // namespace marrow
