// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/elfcore/vmcoreinfo.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "vmm_backend/elfcore/elf_format.h"

namespace marrow {
namespace {

constexpr absl::string_view kNoteName = "VMCOREINFO";

// The descriptor if `bytes` start with a VMCOREINFO note, else `bytes`.
Bytes Descriptor(Bytes bytes) {
  if (bytes.size() < sizeof(Elf64_Nhdr)) return bytes;
  const auto header = LoadAt<Elf64_Nhdr>(bytes, 0);
  const std::uint64_t name_end = sizeof(header) + AlignUp(header.n_namesz, kNoteAlign);
  if (header.n_namesz != kNoteName.size() + 1 || name_end > bytes.size() ||
      AsText(bytes.subspan(sizeof(header), kNoteName.size())) != kNoteName) {
    return bytes;
  }
  bytes = bytes.subspan(name_end);
  return bytes.first(std::min<std::size_t>(bytes.size(), header.n_descsz));
}

template <typename Int>
std::optional<Int> Decimal(std::optional<absl::string_view> text) {
  Int value = 0;
  if (!text || !absl::SimpleAtoi(*text, &value)) return std::nullopt;
  return value;
}

}  // namespace

Vmcoreinfo Vmcoreinfo::Parse(absl::string_view text) {
  Vmcoreinfo info;
  info.text_ = std::string(text);
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    if (parts.first.size() == line.size()) continue;
    info.values_.emplace(std::string(parts.first), std::string(parts.second));
  }
  return info;
}

Vmcoreinfo Vmcoreinfo::ParseNoteOrText(Bytes bytes) {
  const absl::string_view text = AsText(Descriptor(bytes));
  return Parse(text.substr(0, text.find('\0')));
}

std::optional<absl::string_view> Vmcoreinfo::Find(absl::string_view key) const {
  const auto found = values_.find(std::string(key));
  if (found == values_.end()) return std::nullopt;
  return absl::string_view(found->second);
}

std::optional<std::uint64_t> Vmcoreinfo::Hex(absl::string_view key) const {
  std::uint64_t value = 0;
  const auto text = Find(key);
  if (!text || !absl::SimpleHexAtoi(*text, &value)) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> Vmcoreinfo::Symbol(absl::string_view name) const {
  return Hex(absl::StrCat("SYMBOL(", name, ")"));
}

std::optional<std::uint64_t> Vmcoreinfo::SizeOf(absl::string_view type) const {
  return Decimal<std::uint64_t>(Find(absl::StrCat("SIZE(", type, ")")));
}

std::optional<std::uint64_t> Vmcoreinfo::Offset(absl::string_view field) const {
  return Decimal<std::uint64_t>(Find(absl::StrCat("OFFSET(", field, ")")));
}

std::optional<std::int64_t> Vmcoreinfo::Number(absl::string_view name) const {
  return Decimal<std::int64_t>(Find(absl::StrCat("NUMBER(", name, ")")));
}

std::string Vmcoreinfo::release() const { return std::string(Find("OSRELEASE").value_or("")); }

std::string Vmcoreinfo::build_id() const { return std::string(Find("BUILD-ID").value_or("")); }

}  // namespace marrow
