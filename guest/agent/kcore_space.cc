// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/kcore_space.h"

#include <span>
#include <utility>

namespace marrow::agent {
namespace {

constexpr std::uint64_t kPageBytes = 4096;

}  // namespace

const KcoreSpace::Looked& KcoreSpace::Remember(std::uint64_t page) {
  const auto [place, fresh] = looked_.try_emplace(page);
  Looked& looked = place->second;
  if (!fresh) return looked;
  auto bytes = std::make_unique<Page>();
  const std::span<std::byte> out(*bytes);
  if (!tables_.usable()) {
    looked.mapping.gpa = view_->Physical(page).value_or(page);
    if (view_->memory->Read(page, out)) {
      looked.bytes = std::move(bytes);
    } else {
      looked.why = "not readable through /proc/kcore";
    }
    return looked;
  }
  const auto mapping = tables_.Find(page);
  if (!mapping) {
    looked.why = "not mapped";
    return looked;
  }
  looked.mapping = *mapping;
  if (tables_.ReadPhysical(mapping->gpa, out)) {
    looked.bytes = std::move(bytes);
  } else {
    looked.why = "not RAM";
  }
  return looked;
}

graph::PageView KcoreSpace::Look(std::uint64_t page) {
  const Looked& looked = Remember(page);
  if (looked.bytes == nullptr) return {{}, looked.why};
  return {std::span<const std::byte>(*looked.bytes), {}};
}

graph::Space::Kept KcoreSpace::Keep(std::uint64_t page) {
  const Looked& looked = Remember(page);
  if (looked.bytes == nullptr) return Kept::kNo;
  for (std::size_t i = 0; i < looked.mapping.table_count; ++i) {
    kept_.insert(looked.mapping.tables[i]);
    kept_tables_.insert(looked.mapping.tables[i]);
  }
  return kept_.insert(looked.mapping.gpa).second ? Kept::kNew : Kept::kAlready;
}

std::uint64_t KcoreSpace::KeepRegion(const RegionSpec& region) {
  std::uint64_t fresh = 0;
  const std::uint64_t last = (region.address + region.bytes - 1) / kPageBytes;
  for (std::uint64_t page = region.address / kPageBytes; page <= last; ++page) {
    const std::uint64_t address = page * kPageBytes;
    // A region by gpa is in the dump whether or not anything maps it.
    const bool by_gpa = region.kind == MARROW_ADDRESS_GPA;
    if (by_gpa ? kept_.insert(address).second : Keep(address) == Kept::kNew) ++fresh;
  }
  return fresh;
}

}  // namespace marrow::agent
