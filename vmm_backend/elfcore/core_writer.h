// SPDX-License-Identifier: Apache-2.0
// Plans and writes the core. Planning is pure and takes every decision; writing is a loop.
// The format is specified in README.md beside this file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {

// A second virtual address for captured pages: [gva, gva + bytes) shows [gpa, gpa + bytes).
struct VirtualAlias {
  Gva gva{};
  Gpa gpa{};
  std::uint64_t bytes = 0;
};

struct CoreContent {
  std::uint16_t machine = 62;    // ELF e_machine
  std::uint64_t direct_map = 0;  // gva at which gpa 0 is mapped: every page's first address
  std::vector<Gpa> pages = {};   // page-aligned, sorted, unique
  // Pages that read as zeros and take no room in the file: the same, and none of `pages`.
  std::vector<Gpa> zero_pages = {};
  std::vector<VirtualAlias> aliases = {};  // any order; parts that wrap or whose pages are absent
                                           // are left out
  std::vector<CoreNote> notes = {};        // written in this order
  // With PT_NOTE. Aliases are cut short for it, pages never.
  std::uint64_t most_segments = CoreLimits{}.segments;
};

// Where everything stands in the file.
struct CoreLayout {
  std::uint16_t machine = 0;
  std::string notes;                  // encoded PT_NOTE content
  std::vector<CoreSegment> segments;  // primary segments, then aliases, each sorted by address
  std::uint64_t segment_count = 0;    // with PT_NOTE
  // Parts of aliases beyond content.most_segments, each a segment's worth.
  std::uint64_t alias_parts_left_out = 0;
  std::uint64_t notes_offset = 0;
  std::uint64_t pages_offset = 0;  // page-aligned
  std::uint64_t file_bytes = 0;
  std::vector<Gpa> pages;  // in file order, without those that read as zeros
};

// InvalidArgument if pages are unsorted, repeated or unaligned, if one is to be both there and
// zero, or a note's name or descriptor does not fit its 32-bit length field; never fails on
// aliases.
absl::StatusOr<CoreLayout> LayOutCore(CoreContent content);

// Gives the 4096 bytes of pages[i].
using PageBytes = std::function<Bytes(std::size_t i)>;

// Writes layout.file_bytes bytes. Returns the sink's first error.
absl::Status WriteCore(const CoreLayout& layout, const PageBytes& page_bytes, ByteSink& sink);

}  // namespace marrow
