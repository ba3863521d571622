// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/vmcoreinfo.h"

#include "guest/profile/scan.h"

namespace marrow::profile {

Vmcoreinfo Vmcoreinfo::Parse(std::string_view text) {
  Vmcoreinfo info;
  text = text.substr(0, text.find('\0'));
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const std::size_t equals = line.find('=');
    if (equals == line.npos) continue;
    info.values_.try_emplace(std::string(line.substr(0, equals)),
                             std::string(line.substr(equals + 1)));
  }
  return info;
}

std::optional<std::string_view> Vmcoreinfo::Find(std::string_view kind,
                                                 std::string_view name) const {
  const auto found = values_.find(std::string(kind) + "(" + std::string(name) + ")");
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> Vmcoreinfo::Symbol(std::string_view name) const {
  const auto value = Find("SYMBOL", name);
  return value ? ParseHex(*value) : std::nullopt;
}

std::optional<std::uint64_t> Vmcoreinfo::Size(std::string_view type) const {
  const auto value = Find("SIZE", type);
  return value ? ParseDecimal(*value) : std::nullopt;
}

std::optional<std::uint64_t> Vmcoreinfo::Offset(std::string_view field) const {
  const auto value = Find("OFFSET", field);
  return value ? ParseDecimal(*value) : std::nullopt;
}

std::optional<std::int64_t> Vmcoreinfo::Number(std::string_view name) const {
  const auto value = Find("NUMBER", name);
  return value ? ParseSigned(*value) : std::nullopt;
}

std::optional<std::string_view> Vmcoreinfo::Text(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> Vmcoreinfo::Hex(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? std::nullopt : ParseHex(found->second);
}

}  // namespace marrow::profile
