// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/page_plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace marrow {
namespace {

// A kernel maps few pages twice; a hostile one maps one page a million times.
constexpr std::uint64_t kAliasesPerPage = 2;

// True if `last` was made to reach over the pages of `next` too.
bool Join(VirtualAlias& last, const VirtualAlias& next) {
  const std::uint64_t behind = Raw(next.gva) - Raw(last.gva);
  if (behind > last.bytes || Raw(next.gpa) - Raw(last.gpa) != behind) return false;
  last.bytes = std::max(last.bytes, behind + next.bytes);
  return true;
}

}  // namespace

PagePlan::PagePlan(const RamMap& ram, std::uint64_t most_bytes)
    : ram_(ram), most_pages_(most_bytes / kPageBytes) {}

void PagePlan::Forbid(Gpa begin, std::uint64_t bytes) {
  std::uint64_t first = PageDown(Raw(begin));
  std::uint64_t last = PageDown(Raw(begin) + (bytes - 1));
  auto next = forbidden_.upper_bound(first);
  if (next != forbidden_.begin() && std::prev(next)->second >= first) --next;
  while (next != forbidden_.end() && next->first <= last) {
    first = std::min(first, next->first);
    last = std::max(last, next->second);
    next = forbidden_.erase(next);
  }
  forbidden_.emplace(first, last);
}

bool PagePlan::IsForbidden(Gpa page) const {
  const auto behind = forbidden_.upper_bound(Raw(page));
  return behind != forbidden_.begin() && std::prev(behind)->second >= Raw(page);
}

PagePlan::Added PagePlan::Add(Gpa page) {
  if (taken_.contains(Raw(page))) return {};
  if (!IsRam(page)) return {.why = "mapped to an address that is not RAM"};
  if (IsForbidden(page)) return {.why = kExcludedByPolicy};
  if (!HasRoom()) return {.why = kOverCaptureLimit};
  taken_.insert(Raw(page));
  pages_.push_back(page);
  return {.is_new = true};
}

void PagePlan::AddTable(Gpa page) {
  if (!Add(page).why.empty()) tables_left_out_.insert(Raw(page));
}

void PagePlan::AddZeros(Gpa page) {
  if (!IsRam(page) || IsForbidden(page) || zeros_.contains(Raw(page))) return;
  if (zeros_.size() >= most_pages_) {
    ++zeros_left_out_;
  } else {
    zeros_.insert(Raw(page));
  }
}

void PagePlan::AddAlias(Gva gva, Gpa page) {
  const VirtualAlias alias{.gva = gva, .gpa = page, .bytes = kPageBytes};
  if (!aliases_.empty() && Join(aliases_.back(), alias)) return;
  if (aliases_.size() >= kAliasesPerPage * most_pages_) {
    ++aliases_left_out_;
  } else {
    aliases_.push_back(alias);
  }
}

std::vector<Gpa> PagePlan::TakePages() {
  std::sort(pages_.begin(), pages_.end());
  return std::move(pages_);
}

std::vector<Gpa> PagePlan::TakeZeroPages() {
  std::vector<Gpa> pages;
  for (const std::uint64_t page : zeros_) {
    if (!taken_.contains(page)) pages.push_back(Gpa{page});
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

std::vector<VirtualAlias> PagePlan::TakeAliases() {
  std::sort(aliases_.begin(), aliases_.end(), [](const VirtualAlias& a, const VirtualAlias& b) {
    return a.gva != b.gva ? a.gva < b.gva : a.gpa < b.gpa;
  });
  std::vector<VirtualAlias> joined;
  for (const VirtualAlias& alias : aliases_) {
    if (joined.empty() || !Join(joined.back(), alias)) joined.push_back(alias);
  }
  return joined;
}

}  // namespace marrow
