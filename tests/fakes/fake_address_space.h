// SPDX-License-Identifier: Apache-2.0
// A guest's memory with real x86-64 page tables in it, written by gva.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "vmm_backend/base/page_source.h"
#include "vmm_backend/core/ram_map.h"

namespace marrow {

// RAM is [0, ram_bytes). Page 0 is left alone, the top table is page 1, tables and the pages that
// writes need come behind it as they are needed. Aborts when RAM is used up.
class FakeAddressSpace final : public PageSource {
 public:
  explicit FakeAddressSpace(std::uint64_t ram_bytes = 8 << 20, int levels = 4);

  absl::StatusOr<Bytes> Page(Gpa page) override;

  PageTableRoot root() const { return {.table = Gpa{kPageBytes}, .levels = levels_}; }
  RamMap ram() const { return RamMap::Make({{Gpa{0}, memory_.size()}}).value(); }
  MutableBytes memory() { return std::as_writable_bytes(std::span(memory_)); }

  // `leaf_bytes` is 4 KiB, 2 MiB or 1 GiB; both addresses are multiples of it.
  void Map(std::uint64_t gva, std::uint64_t gpa, std::uint64_t leaf_bytes = kPageBytes);
  // Maps the pages of [gva, gva + bytes) that are not mapped yet to new ones, of zeros.
  void MapNew(std::uint64_t gva, std::uint64_t bytes);
  // gpa of a mapped gva.
  std::uint64_t GpaOf(std::uint64_t gva);

  // Map what they need with MapNew.
  void Write(std::uint64_t gva, absl::string_view bytes);
  void WriteWord(std::uint64_t gva, std::uint64_t word);

  // Reads of the page fail from now on.
  void Break(std::uint64_t page) { broken_.insert(page); }
  std::uint64_t reads() const { return reads_; }

 private:
  std::uint64_t NewPage();
  MutableBytes Physical(std::uint64_t gpa, std::uint64_t bytes);

  std::string memory_;
  int levels_;
  std::uint64_t next_page_ = 2 * kPageBytes;
  std::set<std::uint64_t> broken_;
  std::uint64_t reads_ = 0;
};

}  // namespace marrow
