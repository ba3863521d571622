// SPDX-License-Identifier: Apache-2.0
// What the agent knows about the running kernel, as values: everything that is decided from it is
// pure, and tests make views from a few lines of text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/profile/iomem.h"
#include "guest/profile/kallsyms.h"
#include "guest/profile/vmcoreinfo.h"
#include "marrow/abi.h"

namespace marrow::profile {

// Kernel memory by guest-virtual address.
class KernelMemory {
 public:
  virtual ~KernelMemory() = default;
  // All or nothing.
  virtual bool Read(std::uint64_t gva, std::span<std::byte> out) const = 0;
};

// [gva, gva + bytes) maps [gpa, gpa + bytes): the kernel image, or a part of the direct map.
struct LinearRange {
  std::uint64_t gva = 0;
  std::uint64_t gpa = 0;
  std::uint64_t bytes = 0;
};

// A part of a gva range that one table entry can describe.
struct Piece {
  marrow_address_kind kind = MARROW_ADDRESS_GVA;
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

struct KernelView {
  Kallsyms kallsyms;
  Vmcoreinfo vmcoreinfo;
  std::uint64_t vmcoreinfo_gpa = 0;  // of its ELF note; 0: not known
  std::uint64_t vmcoreinfo_bytes = 0;
  std::vector<IomemRange> iomem;
  std::vector<LinearRange> linear;  // sorted by gva, not overlapping
  std::vector<std::uint32_t> possible_cpus;
  const KernelMemory* memory = nullptr;  // null: kernel memory cannot be read
  std::string release;  // as uname -r says it, "6.1.0-13-amd64"; "": Release() finds it

  // `release`, else what VMCOREINFO or linux_banner say. "" if nothing does.
  std::string Release() const;

  // gva of a symbol: from kallsyms, else from VMCOREINFO.
  std::optional<std::uint64_t> Symbol(std::string_view name) const;
  std::optional<std::uint64_t> ReadU64(std::uint64_t gva) const;
  std::optional<std::uint32_t> ReadU32(std::uint64_t gva) const;

  // gpa of one byte, where its mapping is linear.
  std::optional<std::uint64_t> Physical(std::uint64_t gva) const;
  // [gva, gva + bytes) as gpa where linear and as gva elsewhere, in order. The range must not wrap.
  std::vector<Piece> Locate(std::uint64_t gva, std::uint64_t bytes) const;
};

// A value that cannot be known is 0.
marrow_facts BuildFacts(const KernelView& view);

}  // namespace marrow::profile
