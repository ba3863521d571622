// SPDX-License-Identifier: Apache-2.0
// Reads an ELF64 core (ET_CORE) that may come from anyone: every offset and count is checked before
// use, and nothing is allocated beyond CoreLimits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/elfcore/vmcoreinfo.h"

namespace marrow {

struct CoreLimits {
  std::uint64_t segments = 1 << 20;
  std::uint64_t note_bytes = 16 << 20;
};

// A PT_LOAD. [0, file_bytes) of the memory is in the file, the rest of memory_bytes reads as zero.
struct CoreSegment {
  Gva vaddr{};
  Gpa paddr{};
  std::uint64_t file_offset = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t memory_bytes = 0;
};

struct CoreNote {
  std::string name;
  std::uint32_t type = 0;
  std::string descriptor;
};

// Immutable once open; thread-safe if its source is.
class CoreReader {
 public:
  // `source` must outlive the reader. InvalidArgument, naming what is wrong and where, unless the
  // file is a little-endian ELF64 ET_CORE whose headers, notes and segments lie within it.
  static absl::StatusOr<CoreReader> Open(const ByteSource& source, CoreLimits limits = {});

  std::uint16_t machine() const { return machine_; }
  std::span<const CoreSegment> segments() const { return segments_; }
  std::span<const CoreNote> notes() const { return notes_; }
  // The first note of that name and type, or nullptr.
  const CoreNote* FindNote(absl::string_view name, std::uint32_t type) const;
  // Empty when the core has no VMCOREINFO note.
  const Vmcoreinfo& vmcoreinfo() const { return vmcoreinfo_; }

  // All or nothing. NotFound, naming the first address that is not in the core.
  absl::Status ReadPhysical(Gpa gpa, MutableBytes out) const;
  // By the segments' virtual addresses, else through the captured page tables, whose root is found
  // with VMCOREINFO. All or nothing; NotFound as above.
  absl::Status ReadVirtual(Gva gva, MutableBytes out) const;

 private:
  class Words;  // the core as a PhysicalWordReader

  // [begin, end) of an address space and the segment that shows it. Extents are disjoint and
  // sorted: where segments overlap, the one that starts first counts.
  struct Extent {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint32_t segment = 0;
  };
  template <typename Address>
  static std::vector<Extent> Extents(const std::vector<CoreSegment>& segments, Address address);

  explicit CoreReader(const ByteSource& source) : source_(&source) {}
  // The extent that holds the address, or nullptr.
  static const Extent* Find(const std::vector<Extent>& extents, std::uint64_t address);
  absl::Status ReadSegment(const CoreSegment& segment, std::uint64_t offset,
                           MutableBytes out) const;
  absl::StatusOr<Gpa> TranslateByTables(Gva gva) const;

  const ByteSource* source_;
  std::uint16_t machine_ = 0;
  std::vector<CoreSegment> segments_;
  std::vector<Extent> by_paddr_;
  std::vector<Extent> by_vaddr_;
  std::vector<CoreNote> notes_;
  Vmcoreinfo vmcoreinfo_;
};

}  // namespace marrow
