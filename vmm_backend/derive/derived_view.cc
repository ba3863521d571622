// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/derived_view.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vmm_backend/base/address.h"

namespace marrow {
namespace {

// x86-64: arch/x86/include/asm/page_64_types.h, the same in every kernel.
constexpr std::uint64_t kStartKernelMap = 0xffff'ffff'8000'0000;
constexpr std::uint64_t kUsualImageSpace = std::uint64_t{1} << 30;

constexpr std::uint32_t kMostCpus = 8192;  // NR_CPUS of the largest configuration

// The note is an ELF note header, "VMCOREINFO" padded to 12 bytes, and the text.
constexpr std::uint64_t kNoteHeaderBytes = 12;
constexpr std::uint64_t kNoteNameBytes = 12;
constexpr std::uint64_t kMostNoteBytes = 16 * kPageBytes;

// The image is mapped in one piece between _text and _end. Without symbols its end is not known;
// nothing else lies in its part of the address space.
std::optional<profile::LinearRange> ImageRange(const profile::KernelView& view,
                                               const KernelSpace& space) {
  auto begin = view.Symbol("_text");
  if (!begin) begin = view.Symbol("_stext");
  if (!begin || *begin < kStartKernelMap) return std::nullopt;
  const auto space_bytes = static_cast<std::uint64_t>(
      view.vmcoreinfo.Number("KERNEL_IMAGE_SIZE").value_or(std::int64_t{kUsualImageSpace}));
  const std::uint64_t end =
      view.Symbol("_end").value_or(kStartKernelMap + std::min(space_bytes, kUsualImageSpace));
  const auto gpa = space.Physical(*begin);
  if (!gpa || end <= *begin) return std::nullopt;
  return profile::LinearRange{.gva = *begin, .gpa = *gpa, .bytes = end - *begin};
}

void AddDirectMap(const RamMap& ram, profile::KernelView& view) {
  const auto symbol = view.Symbol("page_offset_base");
  const auto base = symbol ? view.ReadU64(*symbol) : std::nullopt;
  if (!base) return;
  for (const GpaRange& range : ram.ranges()) {
    const auto begin = CheckedAdd(*base, Raw(range.begin));
    if (!begin || !CheckedAdd(*begin, range.bytes)) continue;
    view.linear.push_back({.gva = *begin, .gpa = Raw(range.begin), .bytes = range.bytes});
  }
}

// A forged page_offset_base may lay one range over another: the first in address order stays.
void SortLinear(std::vector<profile::LinearRange>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.gva < b.gva; });
  std::vector<profile::LinearRange> kept;
  for (const profile::LinearRange& range : ranges) {
    if (kept.empty() || range.gva - kept.back().gva >= kept.back().bytes) kept.push_back(range);
  }
  ranges = std::move(kept);
}

void FindNote(profile::KernelView& view) {
  const auto symbol = view.Symbol("vmcoreinfo_note");
  const auto note = symbol ? view.ReadU64(*symbol) : std::nullopt;
  const auto gpa = note ? view.Physical(*note) : std::nullopt;
  const auto text_bytes = note ? view.ReadU32(*note + sizeof(std::uint32_t)) : std::nullopt;
  if (!gpa || !text_bytes || *text_bytes == 0 || *text_bytes > kMostNoteBytes) return;
  view.vmcoreinfo_gpa = *gpa;
  view.vmcoreinfo_bytes = kNoteHeaderBytes + kNoteNameBytes + *text_bytes;
}

std::vector<std::uint32_t> PossibleCpus(const profile::KernelView& view) {
  const auto mask = view.Symbol("__cpu_possible_mask");
  const auto count_symbol = view.Symbol("nr_cpu_ids");
  std::vector<std::uint32_t> cpus;
  if (!mask || !count_symbol) return cpus;
  const std::uint32_t count = std::min(view.ReadU32(*count_symbol).value_or(0), kMostCpus);
  for (std::uint32_t first = 0; first < count; first += 64) {
    std::uint64_t word = view.ReadU64(*mask + first / 8).value_or(0);
    for (; word != 0; word &= word - 1) {
      const std::uint32_t cpu = first + static_cast<std::uint32_t>(std::countr_zero(word));
      if (cpu < count) cpus.push_back(cpu);
    }
  }
  return cpus;
}

}  // namespace

profile::KernelView MakeView(const KernelSpace& space, absl::string_view vmcoreinfo,
                             const RamMap& ram, const SymbolLimits& limits,
                             std::vector<std::string>& lost) {
  profile::KernelView view;
  view.vmcoreinfo = profile::Vmcoreinfo::Parse({vmcoreinfo.data(), vmcoreinfo.size()});
  view.memory = &space;
  absl::StatusOr<profile::Kallsyms> symbols = ReadKernelSymbols(space, view.vmcoreinfo, limits);
  if (symbols.ok()) {
    view.kallsyms = *std::move(symbols);
  } else {
    lost.push_back(
        absl::StrCat("only what VMCOREINFO names is captured: ", symbols.status().message()));
  }
  AddDirectMap(ram, view);
  if (const auto image = ImageRange(view, space)) view.linear.push_back(*image);
  SortLinear(view.linear);
  FindNote(view);
  view.possible_cpus = PossibleCpus(view);
  if (view.possible_cpus.empty()) {
    view.possible_cpus = {0};
    lost.push_back("per-CPU data of the first CPU only: the kernel's CPU mask cannot be read");
  }
  return view;
}

}  // namespace marrow
