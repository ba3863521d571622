// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "guest/profile/kernel_view.h"
#include "guest/profile/vmcoreinfo.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/base/page_walk.h"
#include "vmm_backend/core/plan.h"

namespace marrow {

// Fills `out` with the guest-physical memory at `gpa`, or fails. Asked for RAM and for what a
// hostile guest calls RAM.
using ReadPhysical = std::function<absl::Status(Gpa gpa, MutableBytes out)>;

// A dead guest's kernel memory by gva, through its own page tables. Not thread-safe.
class KernelSpace final : public profile::KernelMemory {
 public:
  KernelSpace(ReadPhysical read, PageTableRoot root);

  bool Read(std::uint64_t gva, std::span<std::byte> out) const override;
  PageTableRoot root() const { return root_; }
  // gpa of one byte.
  std::optional<std::uint64_t> Physical(std::uint64_t gva) const;

 private:
  class Tables final : public PhysicalWordReader {
   public:
    explicit Tables(ReadPhysical read) : read_(std::move(read)) {}
    absl::StatusOr<std::uint64_t> ReadWord(Gpa gpa) const override;

   private:
    ReadPhysical read_;
    mutable std::unordered_map<std::uint64_t, std::string> pages_;
  };
  // The mapping that was found last: reads are mostly in a row.
  struct Leaf {
    std::uint64_t gva = 0;
    std::uint64_t gpa = 0;
    std::uint64_t bytes = 0;
  };

  const Leaf* Find(std::uint64_t gva) const;

  ReadPhysical read_;
  PageTableRoot root_;
  Tables tables_;
  mutable Leaf leaf_;
};

// The kernel's address space: by VMCOREINFO's swapper_pg_dir and phys_base, else by what a vCPU has
// in cr3. Taken only if init_uts_ns in it holds VMCOREINFO's own release. FailedPrecondition,
// saying why, if there is none.
absl::StatusOr<KernelSpace> FindKernelSpace(const ReadPhysical& read,
                                            const profile::Vmcoreinfo& vmcoreinfo,
                                            absl::string_view release,
                                            std::span<const VcpuState> vcpus);

}  // namespace marrow
