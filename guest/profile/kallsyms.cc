// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/kallsyms.h"

#include <algorithm>
#include <utility>

#include "guest/profile/scan.h"

namespace marrow::profile {

void Kallsyms::Sort() {
  const auto before = [](const Named& a, const Named& b) { return a.first < b.first; };
  const auto same = [](const Named& a, const Named& b) { return a.first == b.first; };
  std::stable_sort(by_name_.begin(), by_name_.end(), before);
  by_name_.erase(std::unique(by_name_.begin(), by_name_.end(), same), by_name_.end());
  std::sort(addresses_.begin(), addresses_.end());
  addresses_.erase(std::unique(addresses_.begin(), addresses_.end()), addresses_.end());
}

Kallsyms Kallsyms::Parse(std::string text) {
  Kallsyms symbols;
  symbols.text_ = std::make_shared<const std::string>(std::move(text));
  std::string_view rest = *symbols.text_;
  constexpr std::size_t kUsualLineBytes = 40;
  symbols.by_name_.reserve(rest.size() / kUsualLineBytes);
  symbols.addresses_.reserve(rest.size() / kUsualLineBytes);
  while (!rest.empty()) {
    const std::string_view line = TakeLine(&rest);
    const std::size_t blank = line.find(' ');
    if (blank == line.npos || line.size() < blank + 4 || line[blank + 2] != ' ') continue;
    const auto address = ParseHex(line.substr(0, blank));
    if (!address) continue;
    const std::string_view name = line.substr(blank + 3);
    symbols.by_name_.emplace_back(name.substr(0, name.find_first_of("\t ")), *address);
    if (*address != 0) symbols.addresses_.push_back(*address);
  }
  symbols.Sort();
  return symbols;
}

void Kallsyms::Builder::Add(std::string_view name, std::uint64_t address) {
  names_ += name;
  entries_.push_back({names_.size(), address});
}

Kallsyms Kallsyms::Builder::Build() && {
  Kallsyms symbols;
  symbols.text_ = std::make_shared<const std::string>(std::move(names_));
  symbols.by_name_.reserve(entries_.size());
  symbols.addresses_.reserve(entries_.size());
  std::size_t begin = 0;
  for (const Entry& entry : entries_) {
    const std::string_view name(symbols.text_->data() + begin, entry.name_end - begin);
    begin = entry.name_end;
    symbols.by_name_.emplace_back(name, entry.address);
    if (entry.address != 0) symbols.addresses_.push_back(entry.address);
  }
  symbols.Sort();
  return symbols;
}

std::optional<std::uint64_t> Kallsyms::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [](const Named& named, std::string_view wanted) { return named.first < wanted; });
  if (found == by_name_.end() || found->first != name || restricted()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> Kallsyms::NextAfter(std::uint64_t address) const {
  const auto next = std::upper_bound(addresses_.begin(), addresses_.end(), address);
  if (next == addresses_.end()) return std::nullopt;
  return *next;
}

}  // namespace marrow::profile
