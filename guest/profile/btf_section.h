// SPDX-License-Identifier: Apache-2.0
// The bytes of one BTF (Documentation/bpf/btf.rst) as types and names by number. Every number in
// them may be wrong: what lies outside of the bytes is not there.
//
// Our own and not libbpf's, November 2026: libbpf 1.1, which Debian 12 has, declares
// btf__new_split and does not define it, so that modules could be read from files only; it also
// adds up section offsets in 32 bits. The tests write BTF with libbpf and read it with this.
#pragma once

#include <linux/btf.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "guest/profile/result.h"

namespace marrow::profile {

// A type's record.
struct BtfType {
  btf_type header{};
  std::span<const std::byte> rest = {};  // members and the like

  std::uint32_t kind() const { return BTF_INFO_KIND(header.info); }
  std::uint32_t count() const { return BTF_INFO_VLEN(header.info); }
  bool composite() const { return kind() == BTF_KIND_STRUCT || kind() == BTF_KIND_UNION; }
  bool pointer() const { return kind() == BTF_KIND_PTR; }

  // The records behind the header; `index` must be below what the kind has.
  btf_member MemberAt(std::uint32_t index) const;
  btf_array Array() const;
  std::uint32_t Integer() const;
};

// A kernel's BTF, or a module's, whose numbers go on where the kernel's end. Immutable.
class BtfSection {
 public:
  // Copies `bytes`. `base` is null for the kernel's own, and else must outlive the section.
  static Result<std::unique_ptr<BtfSection>> Parse(std::span<const std::byte> bytes,
                                                   const BtfSection* base);

  // Types have the numbers [first_id(), end_id()); those below are the base's.
  std::uint32_t first_id() const { return first_id_; }
  std::uint32_t end_id() const { return first_id_ + static_cast<std::uint32_t>(types_.size()); }
  std::optional<BtfType> Type(std::uint32_t id) const;
  // "" if there is none, or one of more than 512 bytes, KSYM_NAME_LEN: whoever forged it does not
  // decide how far we look for its end. A view of the section.
  std::string_view Name(std::uint32_t offset) const;

 private:
  BtfSection(std::vector<std::byte> bytes, const BtfSection* base);

  // Returns what is wrong, or "".
  std::string_view FindTypes(std::size_t begin, std::size_t end);

  std::vector<std::byte> bytes_;
  const BtfSection* base_;
  std::uint32_t first_id_;
  std::uint64_t first_name_;
  std::string_view names_;
  std::vector<std::span<const std::byte>> types_;
};

}  // namespace marrow::profile
