// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/derive.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "guest/graph/graph.h"
#include "guest/profile/btf.h"
#include "guest/profile/compile.h"
#include "vmm_backend/core/guest_text.h"
#include "vmm_backend/derive/derived_view.h"
#include "vmm_backend/elfcore/vmcoreinfo.h"

namespace marrow {
namespace {

constexpr absl::string_view kTimeOver = "the time to search the guest's memory was over";

void AddRegions(const std::vector<profile::RegionSpec>& regions, const TableLimits& limits,
                RegionTable& table) {
  for (const profile::RegionSpec& spec : regions) {
    if (table.regions.size() >= limits.regions) {
      ++table.regions_over_limit;
      continue;
    }
    const absl::string_view name = spec.name;
    table.regions.push_back(
        {.id = table.regions.size() + 1,
         .address_kind = spec.kind == MARROW_ADDRESS_GPA ? AddressKind::kGpa : AddressKind::kGva,
         .address = spec.address,
         .size = spec.bytes,
         .region_class = spec.region_class,
         .name = GuestText(name.substr(0, MARROW_NAME_BYTES))});
  }
}

// The kernel's address space, and the text that led to it.
struct Foothold {
  KernelSpace space;
  std::string vmcoreinfo;
};

absl::StatusOr<Foothold> FindFoothold(const DeriveInput& input) {
  absl::StatusOr<KernelSpace> space = absl::FailedPreconditionError(
      "no VMCOREINFO: the VMM knows none (a vmcoreinfo device hands it over), and the guest's "
      "memory "
      "holds none where it was looked for");
  const auto fits = [&](const std::string& text) {
    space = FindKernelSpace(input.read, profile::Vmcoreinfo::Parse(text),
                            Vmcoreinfo::Parse(text).release(), *input.vcpus);
    return space.ok();
  };
  if (!input.vmcoreinfo.empty() && fits(input.vmcoreinfo)) {
    return Foothold{*std::move(space), input.vmcoreinfo};
  }
  std::optional<std::string> found =
      FindVmcoreinfo(input.read, *input.ram, fits, input.limits.scan);
  if (!found) return space.status();
  return Foothold{*std::move(space), *std::move(found)};
}

// Whether the time is over, from now on.
std::function<bool()> StartTime(const DeriveInput& input) {
  if (!input.clock) return [] { return false; };
  return [clock = input.clock, end = input.clock() + input.limits.time] { return clock() >= end; };
}

// The kernel's types, and how many bytes describe them.
struct Types {
  std::unique_ptr<profile::KernelTypes> types = std::make_unique<profile::NoTypes>();
  std::uint64_t bytes = 0;
};

Types ReadTypes(const profile::KernelView& view, const DeriveLimits& limits,
                std::vector<std::string>& lost) {
  const auto lose = [&lost](absl::string_view why) {
    lost.push_back(absl::StrCat("no graph, only listed regions: ", why));
    return Types();
  };
  const auto begin = view.Symbol("__start_BTF");
  const auto end = view.Symbol("__stop_BTF");
  if (!begin || !end) return lose("the kernel has no BTF, or its symbols cannot be read");
  if (*end <= *begin || *end - *begin > limits.btf_bytes)
    return lose("the size of its BTF is absurd");
  std::vector<std::byte> bytes(*end - *begin);
  if (!view.memory->Read(*begin, bytes)) return lose("its BTF cannot be read");
  auto btf = profile::Btf::Parse(bytes, limits.symbols.expired);
  if (!btf.ok()) return lose(btf.error());
  return {.types = std::make_unique<profile::Btf>(std::move(*btf)), .bytes = bytes.size()};
}

// The compiler's graph passes the same judge as one that a guest published.
void AddGraph(const profile::GraphTables& compiled, RegionTable& table,
              std::vector<std::string>& lost) {
  if (compiled.empty()) return;
  const std::string block = compiled.Encode();
  auto parsed = graph::ParseGraph(AsBytes(block));
  if (parsed.ok()) {
    table.graph = std::move(*parsed);
  } else {
    lost.push_back(absl::StrCat("no graph, only listed regions: ", parsed.error()));
  }
}

// "VMCOREINFO, 130000 symbols, 4500 KiB of types"
std::string MadeOf(std::size_t symbols, std::uint64_t btf_bytes) {
  std::string text = "VMCOREINFO";
  if (symbols != 0) absl::StrAppend(&text, ", ", symbols, " symbols");
  if (btf_bytes != 0) absl::StrAppend(&text, ", ", btf_bytes >> 10, " KiB of types");
  return text;
}

}  // namespace

absl::StatusOr<DerivedTable> DeriveTable(const DeriveInput& untimed) {
  const std::function<bool()> expired = StartTime(untimed);
  DeriveInput input = untimed;
  input.limits.symbols.expired = expired;
  input.read = [&](Gpa gpa, MutableBytes out) {
    return expired() ? absl::DeadlineExceededError(kTimeOver) : untimed.read(gpa, out);
  };
  absl::StatusOr<Foothold> foothold = FindFoothold(input);
  if (!foothold.ok()) {
    return expired() ? absl::FailedPreconditionError(kTimeOver) : foothold.status();
  }
  const KernelSpace& space = foothold->space;
  DerivedTable derived;
  derived.vmcoreinfo = std::move(foothold->vmcoreinfo);
  const profile::KernelView view =
      MakeView(space, derived.vmcoreinfo, *input.ram, input.limits.symbols, derived.lost);
  const Types types = ReadTypes(view, input.limits, derived.lost);
  profile::Compilation compiled = profile::Compile(*input.profile, view, *types.types);
  derived.table.facts = profile::BuildFacts(view);
  derived.table.facts.page_table_root = Raw(space.root().table);
  AddRegions(compiled.regions, input.limits.table, derived.table);
  if (expired()) {
    derived.lost.push_back(absl::StrCat("no graph, only listed regions: ", kTimeOver));
  } else {
    AddGraph(compiled.graph, derived.table, derived.lost);
  }
  derived.missing_lines = std::move(compiled.missing);
  derived.made_of = MadeOf(view.kallsyms.size(), types.bytes);
  return derived;
}

}  // namespace marrow
