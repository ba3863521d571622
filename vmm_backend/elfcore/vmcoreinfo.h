// SPDX-License-Identifier: Apache-2.0
// VMCOREINFO: the kernel's own "KEY=value" lines about itself (kernel/crash_core.c,
// Documentation/admin-guide/kdump/vmcoreinfo.rst).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

class Vmcoreinfo {
 public:
  Vmcoreinfo() = default;
  // Lines without "=" are skipped; of a repeated key the first counts. Any text is accepted.
  static Vmcoreinfo Parse(absl::string_view text);
  // From the ELF note that /sys/kernel/vmcoreinfo points to, or from bare text. The end is the
  // first zero byte.
  static Vmcoreinfo ParseNoteOrText(Bytes bytes);

  bool empty() const { return values_.empty(); }
  const std::string& text() const { return text_; }

  // The value behind "key=", or nothing.
  std::optional<absl::string_view> Find(absl::string_view key) const;
  std::optional<std::uint64_t> Symbol(absl::string_view name) const;  // SYMBOL(name), hex
  std::optional<std::uint64_t> SizeOf(absl::string_view type) const;  // SIZE(type), decimal
  std::optional<std::uint64_t> Offset(
      absl::string_view field) const;                                // OFFSET(type.field), decimal
  std::optional<std::int64_t> Number(absl::string_view name) const;  // NUMBER(name), decimal
  std::optional<std::uint64_t> Hex(absl::string_view key) const;     // e.g. KERNELOFFSET=1a000000

  std::string release() const;   // OSRELEASE or ""
  std::string build_id() const;  // BUILD-ID or ""

 private:
  std::string text_;
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace marrow
