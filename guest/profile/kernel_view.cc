// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/kernel_view.h"

#include <algorithm>
#include <array>

#ifndef __x86_64__
#error "marrow-agent knows the memory layout of x86-64 kernels only"
#endif

namespace marrow::profile {
namespace {

// x86-64: arch/x86/include/asm/page_64_types.h, the same in every kernel.
constexpr std::uint64_t kStartKernelMap = 0xffffffff80000000;

template <typename T>
std::optional<T> ReadValue(const KernelView& view, std::uint64_t gva) {
  T value{};
  if (view.memory == nullptr ||
      !view.memory->Read(gva, std::as_writable_bytes(std::span(&value, 1)))) {
    return std::nullopt;
  }
  return value;
}

std::uint64_t ReadVariable(const KernelView& view, std::string_view name) {
  const auto gva = view.Symbol(name);
  return gva ? view.ReadU64(*gva).value_or(0) : 0;
}

std::uint64_t PhysBase(const KernelView& view, std::uint64_t kernel_start) {
  if (const auto number = view.vmcoreinfo.Number("phys_base")) {
    return static_cast<std::uint64_t>(*number);
  }
  const auto gpa = view.Physical(kernel_start);
  return gpa ? *gpa - (kernel_start - kStartKernelMap) : 0;
}

// page_offset_base where it is a variable, else where the direct map's first known range says.
std::uint64_t DirectMap(const KernelView& view, std::uint64_t kernel_start) {
  if (const std::uint64_t base = ReadVariable(view, "page_offset_base"); base != 0) return base;
  for (const LinearRange& range : view.linear) {
    const bool image = kernel_start >= range.gva && kernel_start - range.gva < range.bytes;
    if (!image) return range.gva - range.gpa;
  }
  return 0;
}

}  // namespace

std::string KernelView::Release() const {
  if (!release.empty()) return release;
  if (const auto text = vmcoreinfo.Text("OSRELEASE")) return std::string(*text);
  constexpr std::string_view kBanner = "Linux version ";
  std::array<char, kBanner.size() + 64> banner{};
  const auto gva = Symbol("linux_banner");
  if (!gva || memory == nullptr || !memory->Read(*gva, std::as_writable_bytes(std::span(banner)))) {
    return "";
  }
  const std::string_view text(banner.data(), banner.size());
  if (!text.starts_with(kBanner)) return "";
  const std::string_view found = text.substr(kBanner.size());
  return std::string(found.substr(0, found.find_first_of(std::string_view(" \n\0", 3))));
}

std::optional<std::uint64_t> KernelView::Symbol(std::string_view name) const {
  const auto gva = kallsyms.Find(name);
  // SYMBOL(mem_section) is the pointer's value, not its address, with CONFIG_SPARSEMEM_EXTREME
  // (kernel/crash_core.c exports it as an array).
  if (gva || name == "mem_section") return gva;
  return vmcoreinfo.Symbol(name);
}

std::optional<std::uint64_t> KernelView::ReadU64(std::uint64_t gva) const {
  return ReadValue<std::uint64_t>(*this, gva);
}

std::optional<std::uint32_t> KernelView::ReadU32(std::uint64_t gva) const {
  return ReadValue<std::uint32_t>(*this, gva);
}

std::optional<std::uint64_t> KernelView::Physical(std::uint64_t gva) const {
  const auto pieces = Locate(gva, 1);
  // None for the last byte of the address space: the range wraps.
  if (pieces.empty() || pieces.front().kind != MARROW_ADDRESS_GPA) return std::nullopt;
  return pieces.front().address;
}

std::vector<Piece> KernelView::Locate(std::uint64_t gva, std::uint64_t bytes) const {
  std::vector<Piece> pieces;
  const std::uint64_t end = gva + bytes;
  while (gva < end) {
    // The first range that ends behind gva.
    const auto range = std::find_if(linear.begin(), linear.end(), [gva](const LinearRange& r) {
      return gva < r.gva || gva - r.gva < r.bytes;
    });
    Piece piece{MARROW_ADDRESS_GVA, gva, end - gva};
    if (range != linear.end() && range->gva <= gva) {
      const std::uint64_t offset = gva - range->gva;
      piece = {MARROW_ADDRESS_GPA, range->gpa + offset, std::min(end - gva, range->bytes - offset)};
    } else if (range != linear.end()) {
      piece.bytes = std::min(end, range->gva) - gva;
    }
    gva += piece.bytes;
    Piece* last = pieces.empty() ? nullptr : &pieces.back();
    if (last != nullptr && last->kind == piece.kind &&
        last->address + last->bytes == piece.address) {
      last->bytes += piece.bytes;
    } else {
      pieces.push_back(piece);
    }
  }
  return pieces;
}

marrow_facts BuildFacts(const KernelView& view) {
  marrow_facts facts{};
  facts.machine = 62;
  facts.page_shift = 12;
  facts.page_table_levels = view.vmcoreinfo.Number("pgtable_l5_enabled").value_or(0) != 0 ? 5 : 4;
  facts.cpu_count = static_cast<std::uint32_t>(view.possible_cpus.size());
  facts.kernel_map = kStartKernelMap;
  facts.kernel_start = view.Symbol("_text").value_or(view.Symbol("_stext").value_or(0));
  facts.kernel_end = view.Symbol("_end").value_or(0);
  facts.phys_base = PhysBase(view, facts.kernel_start);
  facts.kaslr_offset = view.vmcoreinfo.Hex("KERNELOFFSET").value_or(0);
  auto root = view.vmcoreinfo.Symbol("swapper_pg_dir");
  if (!root) root = view.Symbol("init_top_pgt");
  if (root) facts.page_table_root = view.Physical(*root).value_or(0);
  facts.direct_map = DirectMap(view, facts.kernel_start);
  facts.vmalloc_base = ReadVariable(view, "vmalloc_base");
  facts.vmemmap_base = ReadVariable(view, "vmemmap_base");
  facts.vmcoreinfo_gpa = view.vmcoreinfo_gpa;
  facts.vmcoreinfo_bytes = view.vmcoreinfo_bytes;
  return facts;
}

}  // namespace marrow::profile
