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
  looked_.clear();
}

absl::StatusOr<Translation> GuestSpace::TranslatePage(Gva page) const {
  return Translate(words_, root_, page);
}

void GuestSpace::PlanTables(const Translation& translation) {
  for (int i = 0; i < translation.table_count; ++i) {
    // A table that does not fit any more costs drgn and crash this address, not the page itself.
    (void)plan_.Add(translation.table_pages[static_cast<std::size_t>(i)]);
  }
}

GuestSpace::Planned GuestSpace::Plan(Gva page) {
  const absl::StatusOr<Translation> translation = TranslatePage(page);
  if (!translation.ok()) {
    return {.why = absl::IsNotFound(translation.status())
                       ? "not mapped in the guest's page tables"
                       : absl::StrCat("no translation: ", translation.status().message())};
  }
  PlanTables(*translation);
  const Gpa gpa = PageOf(translation->gpa);
  const PagePlan::Added added = plan_.Add(gpa);
  if (!added.why.empty()) return {.why = std::string(added.why)};
  plan_.AddAlias(page, gpa);
  return {.gpa = gpa, .is_new = added.is_new};
}

graph::PageView GuestSpace::Look(std::uint64_t page) {
  const auto found = looked_.find(page);
  if (found != looked_.end()) return found->second;
  const graph::PageView view = LookUncached(page);
  if (looked_.size() >= kMostRemembered) looked_.clear();
  looked_.emplace(page, view);
  return view;
}

graph::PageView GuestSpace::LookUncached(std::uint64_t page) const {
  const absl::StatusOr<Translation> translation = TranslatePage(Gva{page});
  if (!translation.ok()) {
    if (absl::IsNotFound(translation.status())) {
      return {.why = "not mapped in the guest's page tables"};
    }
    return {.why = absl::IsOutOfRange(translation.status()) ? "not an address, or tables not in RAM"
                                                            : "its page tables cannot be read"};
  }
  const Gpa gpa = PageOf(translation->gpa);
  if (!plan_.IsRam(gpa)) return {.why = "mapped to an address that is not RAM"};
  // What policy excludes is not followed either.
  if (plan_.IsForbidden(gpa)) return {.why = "its class is excluded by host policy"};
  const absl::StatusOr<Bytes> bytes = source_.Page(gpa);
  if (bytes.ok()) return {.bytes = *bytes};
  return {.why = absl::IsResourceExhausted(bytes.status())
                     ? "over the limit of pages that one capture looks at"
                     : "the page cannot be read"};
}

graph::Space::Kept GuestSpace::Keep(std::uint64_t page) {
  const Planned planned = Plan(Gva{page});
  if (!planned.why.empty()) return Kept::kNo;
  return planned.is_new ? Kept::kNew : Kept::kAlready;
}

void GuestSpace::KeepAsZeros(std::uint64_t page) {
  const absl::StatusOr<Translation> translation = TranslatePage(Gva{page});
  if (!translation.ok()) return;
  const Gpa gpa = PageOf(translation->gpa);
  if (!plan_.IsRam(gpa) || plan_.IsForbidden(gpa)) return;
  PlanTables(*translation);
  plan_.AddZeros(gpa);
  plan_.AddAlias(Gva{page}, gpa);
}

}  // namespace marrow
