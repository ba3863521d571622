// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/derive.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "guest/profile/resolver.h"
#include "vmm_backend/core/guest_text.h"
#include "vmm_backend/derive/derived_view.h"
#include "vmm_backend/elfcore/vmcoreinfo.h"

namespace marrow {
namespace {

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

}  // namespace

absl::StatusOr<DerivedTable> DeriveTable(const DeriveInput& input) {
  if (input.vmcoreinfo.empty()) {
    return absl::FailedPreconditionError(
        "the guest's VMCOREINFO is not known: give the VM a vmcoreinfo device");
  }
  const Vmcoreinfo vmcoreinfo = Vmcoreinfo::Parse(input.vmcoreinfo);
  const auto parsed =
      profile::Vmcoreinfo::Parse({input.vmcoreinfo.data(), input.vmcoreinfo.size()});
  const absl::StatusOr<KernelSpace> space =
      FindKernelSpace(input.read, parsed, vmcoreinfo.release(), *input.vcpus);
  if (!space.ok()) return space.status();
  DerivedTable derived;
  const profile::KernelView view =
      MakeView(*space, input.vmcoreinfo, *input.ram, input.limits.symbols, derived.lost);
  profile::Resolution resolution = profile::Resolve(*input.profile, view);
  derived.table.facts = profile::BuildFacts(view);
  derived.table.facts.page_table_root = Raw(space->root().table);
  AddRegions(resolution.regions, input.limits.table, derived.table);
  derived.missing_lines = std::move(resolution.missing);
  derived.made_of = "VMCOREINFO";
  return derived;
}

}  // namespace marrow
