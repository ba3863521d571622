// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/kernel_space.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace marrow {
namespace {

// x86-64: arch/x86/include/asm/page_64_types.h, the same in every kernel.
constexpr std::uint64_t kStartKernelMap = 0xffff'ffff'8000'0000;

// Low bits of cr3 are flags or a PCID (Intel SDM volume 3A, 4.5.2); bits above 51 too.
constexpr std::uint64_t kCr3Table = 0x000f'ffff'ffff'f000;

// With page-table isolation the user's tables lie one page behind the kernel's
// (arch/x86/include/asm/pgtable.h, PTI_PGTABLE_SWITCH_BIT).
constexpr std::uint64_t kUserTable = std::uint64_t{1} << 12;

// Tables are read once each; one that is asked for more is a guest that makes us read all its RAM.
constexpr std::size_t kMostTables = 16384;

// Offset of `release` in struct new_utsname: sysname and nodename before it, 65 bytes each.
constexpr std::uint64_t kReleaseOffset = 130;

std::vector<std::uint64_t> RootCandidates(const profile::Vmcoreinfo& vmcoreinfo,
                                          std::span<const VcpuState> vcpus) {
  std::vector<std::uint64_t> roots;
  const auto add = [&roots](std::uint64_t root) {
    if (std::find(roots.begin(), roots.end(), root) == roots.end()) roots.push_back(root);
  };
  auto top = vmcoreinfo.Symbol("swapper_pg_dir");
  if (!top) top = vmcoreinfo.Symbol("init_top_pgt");
  const auto phys_base = vmcoreinfo.Number("phys_base");
  if (top && phys_base) add(*top - kStartKernelMap + static_cast<std::uint64_t>(*phys_base));
  for (const VcpuState& vcpu : vcpus) {
    if (vcpu.cr3 == 0) continue;
    add(vcpu.cr3 & kCr3Table);
    add(vcpu.cr3 & kCr3Table & ~kUserTable);
  }
  return roots;
}

bool HoldsRelease(const KernelSpace& space, const profile::Vmcoreinfo& vmcoreinfo,
                  absl::string_view release) {
  const auto uts = vmcoreinfo.Symbol("init_uts_ns");
  if (!uts || release.empty()) return false;
  const std::uint64_t name = *uts + vmcoreinfo.Offset("uts_namespace.name").value_or(0);
  std::string text(release.size(), '\0');
  return space.Read(name + kReleaseOffset, std::as_writable_bytes(std::span(text))) &&
         text == release;
}

}  // namespace

absl::StatusOr<std::uint64_t> KernelSpace::Tables::ReadWord(Gpa gpa) const {
  const std::uint64_t page = PageDown(Raw(gpa));
  auto found = pages_.find(page);
  if (found == pages_.end()) {
    if (pages_.size() >= kMostTables) {
      return absl::ResourceExhaustedError("too many page tables");
    }
    std::string bytes(kPageBytes, '\0');
    absl::Status status = read_(Gpa{page}, std::as_writable_bytes(std::span(bytes)));
    if (!status.ok()) return status;
    found = pages_.emplace(page, std::move(bytes)).first;
  }
  return LoadAt<std::uint64_t>(AsBytes(found->second), Raw(gpa) % kPageBytes);
}

KernelSpace::KernelSpace(ReadPhysical read, PageTableRoot root)
    : read_(read), root_(root), tables_(std::move(read)) {}

const KernelSpace::Leaf* KernelSpace::Find(std::uint64_t gva) const {
  if (gva >= leaf_.gva && gva - leaf_.gva < leaf_.bytes) return &leaf_;
  const absl::StatusOr<Translation> found = Translate(tables_, root_, Gva{gva});
  if (!found.ok()) return nullptr;
  const std::uint64_t mask = found->leaf_bytes - 1;
  leaf_ = {.gva = gva & ~mask, .gpa = Raw(found->gpa) & ~mask, .bytes = found->leaf_bytes};
  return &leaf_;
}

bool KernelSpace::Read(std::uint64_t gva, std::span<std::byte> out) const {
  if (!CheckedAdd(gva, out.size())) return false;
  while (!out.empty()) {
    const Leaf* leaf = Find(gva);
    if (leaf == nullptr) return false;
    const std::uint64_t offset = gva - leaf->gva;
    const std::uint64_t count = std::min<std::uint64_t>(out.size(), leaf->bytes - offset);
    if (!read_(Gpa{leaf->gpa + offset}, out.first(count)).ok()) return false;
    out = out.subspan(count);
    gva += count;
  }
  return true;
}

std::optional<std::uint64_t> KernelSpace::Physical(std::uint64_t gva) const {
  const Leaf* leaf = Find(gva);
  if (leaf == nullptr) return std::nullopt;
  return leaf->gpa + (gva - leaf->gva);
}

absl::StatusOr<KernelSpace> FindKernelSpace(const ReadPhysical& read,
                                            const profile::Vmcoreinfo& vmcoreinfo,
                                            absl::string_view release,
                                            std::span<const VcpuState> vcpus) {
  const int levels = vmcoreinfo.Number("pgtable_l5_enabled").value_or(0) == 1 ? 5 : 4;
  for (const std::uint64_t root : RootCandidates(vmcoreinfo, vcpus)) {
    KernelSpace space(read, {.table = Gpa{root}, .levels = levels});
    if (HoldsRelease(space, vmcoreinfo, release)) return space;
  }
  return absl::FailedPreconditionError(
      "VMCOREINFO does not fit the guest's memory: in no page table does init_uts_ns hold its "
      "release");
}

}  // namespace marrow
