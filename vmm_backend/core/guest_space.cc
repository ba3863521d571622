// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/guest_space.h"

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

// Pages remembered by gva: 16 MiB of memory. Tables that lead back to themselves map any number.
constexpr std::size_t kMostRemembered = 1 << 18;

}  // namespace

void GuestSpace::set_root(PageTableRoot root) {
  root_ = root;
  leaves_ = {};
  remembered_.clear();
}

absl::StatusOr<Translation> GuestSpace::TranslatePage(Gva page) const {
  return Translate(words_, root_, page);
}

void GuestSpace::PlanTables(const Translation& translation) {
  for (int i = 0; i < translation.table_count; ++i) {
    // A table that does not fit any more costs drgn and crash this address, not the page itself.
    plan_.AddTable(translation.table_pages[static_cast<std::size_t>(i)]);
  }
}

// Most of a kernel is mapped by large pages; any page of one is translated as its neighbours are.
absl::StatusOr<Gpa> GuestSpace::Find(std::uint64_t page, Tables tables) {
  const std::uint64_t number = page / kLeafBytes;
  Leaf& leaf = leaves_[number % leaves_.size()];
  if (leaf.number != number) {
    absl::StatusOr<Translation> translation = TranslatePage(Gva{page});
    if (!translation.ok()) return translation.status();
    if (translation->leaf_bytes < kLeafBytes) {
      if (tables == Tables::kPlan) PlanTables(*translation);
      return PageOf(translation->gpa);
    }
    translation->gpa = Gpa{Raw(translation->gpa) - page % kLeafBytes};
    leaf = {.number = number, .translation = *translation};
  }
  if (tables == Tables::kPlan && !leaf.tables_planned) {
    PlanTables(leaf.translation);
    leaf.tables_planned = true;
  }
  return Gpa{Raw(leaf.translation.gpa) + page % kLeafBytes};
}

GuestSpace::Planned GuestSpace::Plan(Gva page) {
  const absl::StatusOr<Gpa> gpa = Find(Raw(page), Tables::kPlan);
  if (!gpa.ok()) {
    return {.why = absl::IsNotFound(gpa.status())
                       ? "not mapped in the guest's page tables"
                       : absl::StrCat("no translation: ", gpa.status().message())};
  }
  const PagePlan::Added added = plan_.Add(*gpa);
  if (!added.why.empty()) return {.why = std::string(added.why)};
  plan_.AddAlias(page, *gpa);
  return {.gpa = *gpa, .is_new = added.is_new};
}

GuestSpace::Remembered& GuestSpace::Remember(std::uint64_t page) {
  if (remembered_.size() >= kMostRemembered) remembered_.clear();
  return remembered_[page];
}

graph::PageView GuestSpace::Look(std::uint64_t page) {
  Remembered& remembered = Remember(page);
  if (!remembered.looked) {
    remembered.view = LookUncached(page);
    remembered.looked = true;
  }
  return remembered.view;
}

graph::PageView GuestSpace::LookUncached(std::uint64_t page) {
  const absl::StatusOr<Gpa> gpa = Find(page, Tables::kIgnore);
  if (!gpa.ok()) {
    if (absl::IsNotFound(gpa.status())) return {.why = "not mapped in the guest's page tables"};
    return {.why = absl::IsOutOfRange(gpa.status()) ? "not an address, or tables not in RAM"
                                                    : "its page tables cannot be read"};
  }
  if (!plan_.IsRam(*gpa)) return {.why = "mapped to an address that is not RAM"};
  // What policy excludes is not followed either.
  if (plan_.IsForbidden(*gpa)) return {.why = "its class is excluded by host policy"};
  const absl::StatusOr<Bytes> bytes = source_.Page(*gpa);
  if (bytes.ok()) return {.bytes = *bytes};
  return {.why = absl::IsResourceExhausted(bytes.status())
                     ? "over the limit of pages that one capture looks at"
                     : "the page cannot be read"};
}

graph::Space::Kept GuestSpace::Keep(std::uint64_t page) {
  Remembered& remembered = Remember(page);
  if (remembered.kept) return Kept::kAlready;
  const Planned planned = Plan(Gva{page});
  remembered.kept = planned.why.empty();
  if (!remembered.kept) return Kept::kNo;
  return planned.is_new ? Kept::kNew : Kept::kAlready;
}

void GuestSpace::KeepAsZeros(std::uint64_t page) {
  const absl::StatusOr<Gpa> gpa = Find(page, Tables::kPlan);
  if (!gpa.ok() || !plan_.IsRam(*gpa) || plan_.IsForbidden(*gpa)) return;
  plan_.AddZeros(*gpa);
  plan_.AddAlias(Gva{page}, *gpa);
}

}  // namespace marrow
