// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace marrow::profile {

// The kernel's "KEY=value" lines about itself (Documentation/admin-guide/kdump/vmcoreinfo.rst).
class Vmcoreinfo {
 public:
  Vmcoreinfo() = default;
  // Lines without "=" are skipped; of a repeated key the first counts.
  static Vmcoreinfo Parse(std::string_view text);

  bool empty() const { return values_.empty(); }
  std::optional<std::uint64_t> Symbol(std::string_view name) const;   // SYMBOL(name), hex
  std::optional<std::uint64_t> Size(std::string_view type) const;     // SIZE(type)
  std::optional<std::uint64_t> Offset(std::string_view field) const;  // OFFSET(type.field)
  std::optional<std::int64_t> Number(std::string_view name) const;    // NUMBER(name)
  std::optional<std::uint64_t> Hex(std::string_view key) const;       // KERNELOFFSET=1be00000
  std::optional<std::string_view> Text(std::string_view key) const;   // OSRELEASE=6.1.0

 private:
  std::optional<std::string_view> Find(std::string_view kind, std::string_view name) const;

  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace marrow::profile
