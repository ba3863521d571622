// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/resolver.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "guest/profile/printk_ring.h"
#include "guest/profile/result.h"

namespace marrow::profile {
namespace {

// What one directive stands for: gva ranges, or gpa ranges for iomem and vmcoreinfo.
struct Found {
  std::vector<NamedRange> virtual_ranges;
  std::vector<NamedRange> physical_ranges;
};

// The distance to the next symbol is no size if it is larger: something unnamed lies between.
constexpr std::uint64_t kMaxDefaultSize = 1 << 20;

struct NamedSymbol {
  std::string name;
  std::uint64_t gva = 0;
};

Result<NamedSymbol> FindSymbol(const KernelView& view, const Alternatives& names) {
  for (const std::string& name : names) {
    if (const auto gva = view.Symbol(name)) return NamedSymbol{name, *gva};
  }
  return Failure{"no symbol " + Join(names)};
}

Result<std::uint64_t> SizeOf(const KernelView& view, const Directive& directive,
                             std::uint64_t address) {
  if (directive.size != 0) return directive.size;
  const auto next = view.kallsyms.NextAfter(address);
  if (!next || *next - address > kMaxDefaultSize) {
    return Failure{"the size of " + Join(directive.names) +
                   " cannot be told from the symbols: give it with size"};
  }
  return *next - address;
}

Result<Found> ResolveSymbol(const KernelView& view, const Directive& directive) {
  const auto symbol = FindSymbol(view, directive.names);
  if (!symbol.ok()) return symbol.failure();
  const auto size = SizeOf(view, directive, symbol->gva);
  if (!size.ok()) return size.failure();
  return Found{{{symbol->name, symbol->gva, *size}}, {}};
}

Result<Found> ResolveSection(const KernelView& view, const Directive& directive) {
  const auto start = FindSymbol(view, directive.names);
  if (!start.ok()) return start.failure();
  const auto end = FindSymbol(view, directive.end_names);
  if (!end.ok()) return end.failure();
  if (end->gva <= start->gva) {
    return Failure{end->name + " does not lie behind " + start->name};
  }
  return Found{{{start->name, start->gva, end->gva - start->gva}}, {}};
}

// Per-CPU symbols are offsets from each CPU's area, whose distances stand in __per_cpu_offset.
Result<Found> ResolvePercpu(const KernelView& view, const Directive& directive) {
  const auto symbol = FindSymbol(view, directive.names);
  if (!symbol.ok()) return symbol.failure();
  const auto size = SizeOf(view, directive, symbol->gva);
  if (!size.ok()) return size.failure();
  const auto offsets = view.Symbol("__per_cpu_offset");
  if (!offsets) return Failure{"no symbol __per_cpu_offset"};
  Found found;
  for (const std::uint32_t cpu : view.possible_cpus) {
    const auto offset = view.ReadU64(*offsets + cpu * sizeof(std::uint64_t));
    if (!offset) return Failure{"kernel memory cannot be read"};
    found.virtual_ranges.push_back(
        {symbol->name + "/" + std::to_string(cpu), symbol->gva + *offset, *size});
  }
  return found;
}

Result<Found> ResolvePointer(const KernelView& view, const Directive& directive) {
  const auto symbol = FindSymbol(view, directive.names);
  if (!symbol.ok()) return symbol.failure();
  const auto target = view.ReadU64(symbol->gva);
  if (!target) return Failure{"kernel memory cannot be read"};
  if (*target == 0) return Failure{symbol->name + " is a null pointer"};
  return Found{{{symbol->name, symbol->gva, sizeof(std::uint64_t)},
                {"*" + symbol->name, *target, directive.size}},
               {}};
}

Result<Found> ResolveVmcoreinfo(const KernelView& view) {
  if (view.vmcoreinfo_gpa == 0 || view.vmcoreinfo_bytes == 0) {
    return Failure{"the kernel does not say where its VMCOREINFO note is"};
  }
  return Found{{}, {{"vmcoreinfo", view.vmcoreinfo_gpa, view.vmcoreinfo_bytes}}};
}

Result<Found> ResolveIomem(const KernelView& view, const Directive& directive) {
  Found found;
  for (const std::string& name : directive.names) {
    for (const IomemRange& range : view.iomem) {
      if (range.name != name) continue;
      found.physical_ranges.push_back({name, range.start, range.end - range.start});
    }
    if (!found.physical_ranges.empty()) return found;
  }
  return Failure{"no range \"" + Join(directive.names) + "\" in /proc/iomem"};
}

Result<Found> ResolveDirective(const KernelView& view, const Directive& directive) {
  switch (directive.kind) {
    case DirectiveKind::kSymbol:
      return ResolveSymbol(view, directive);
    case DirectiveKind::kSection:
      return ResolveSection(view, directive);
    case DirectiveKind::kPercpu:
      return ResolvePercpu(view, directive);
    case DirectiveKind::kPointer:
      return ResolvePointer(view, directive);
    case DirectiveKind::kVmcoreinfo:
      return ResolveVmcoreinfo(view);
    case DirectiveKind::kIomem:
      return ResolveIomem(view, directive);
    case DirectiveKind::kPrintkRing:
      break;
  }
  auto ring = FollowPrintkRing(view);
  if (!ring.ok()) return Failure{"printk-ring: " + ring.error()};
  return Found{std::move(*ring), {}};
}

void AddOnce(RegionSpec region, std::vector<RegionSpec>* regions) {
  const bool known = std::any_of(regions->begin(), regions->end(), [&region](const auto& other) {
    return other.kind == region.kind && other.address == region.address &&
           other.bytes == region.bytes && other.region_class == region.region_class;
  });
  if (!known) regions->push_back(std::move(region));
}

// Returns the name of a range that wraps, or "".
std::string AddFound(const KernelView& view, const Found& found, marrow_region_class region_class,
                     std::vector<RegionSpec>* regions) {
  for (const NamedRange& range : found.physical_ranges) {
    if (range.bytes > ~range.address) return range.name;
    AddOnce({MARROW_ADDRESS_GPA, range.address, range.bytes, region_class, range.name}, regions);
  }
  for (const NamedRange& range : found.virtual_ranges) {
    if (range.bytes > ~range.address) return range.name;
    for (const Piece& piece : view.Locate(range.address, range.bytes)) {
      AddOnce({piece.kind, piece.address, piece.bytes, region_class, range.name}, regions);
    }
  }
  return "";
}

}  // namespace

Resolution Resolve(const Profile& profile, const KernelView& view) {
  Resolution resolution;
  for (const Directive& directive : profile.directives) {
    const auto found = ResolveDirective(view, directive);
    std::string problem;
    if (!found.ok()) {
      problem = found.error();
    } else if (const std::string wraps =
                   AddFound(view, *found, directive.region_class, &resolution.regions);
               !wraps.empty()) {
      problem = wraps + " passes the end of the address space";
    }
    if (problem.empty()) continue;
    auto& list = directive.optional ? resolution.skipped : resolution.missing;
    list.push_back(directive.place + ": " + problem);
  }
  return resolution;
}

}  // namespace marrow::profile
