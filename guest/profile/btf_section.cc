// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/btf_section.h"

#include <cstring>
#include <string>
#include <utility>

namespace marrow::profile {
namespace {

constexpr std::size_t kMostNameBytes = 512;

// `bytes` must hold a T at `offset`.
template <typename T>
T ReadAt(std::span<const std::byte> bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

// Of what follows a type's header. Nothing for a kind that is not known.
std::optional<std::size_t> RestBytes(std::uint32_t info) {
  const std::size_t count = BTF_INFO_VLEN(info);
  switch (BTF_INFO_KIND(info)) {
    case BTF_KIND_PTR:
    case BTF_KIND_FWD:
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_FUNC:
    case BTF_KIND_FLOAT:
    case BTF_KIND_TYPE_TAG:
      return 0;
    case BTF_KIND_INT:
      return sizeof(std::uint32_t);
    case BTF_KIND_VAR:
      return sizeof(btf_var);
    case BTF_KIND_DECL_TAG:
      return sizeof(btf_decl_tag);
    case BTF_KIND_ARRAY:
      return sizeof(btf_array);
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
      return count * sizeof(btf_member);
    case BTF_KIND_ENUM:
      return count * sizeof(btf_enum);
    case BTF_KIND_ENUM64:
      return count * sizeof(btf_enum64);
    case BTF_KIND_FUNC_PROTO:
      return count * sizeof(btf_param);
    case BTF_KIND_DATASEC:
      return count * sizeof(btf_var_secinfo);
    default:
      return std::nullopt;
  }
}

}  // namespace

btf_member BtfType::MemberAt(std::uint32_t index) const {
  return ReadAt<btf_member>(rest, index * sizeof(btf_member));
}

btf_array BtfType::Array() const { return ReadAt<btf_array>(rest, 0); }

std::uint32_t BtfType::Integer() const { return ReadAt<std::uint32_t>(rest, 0); }

BtfSection::BtfSection(std::vector<std::byte> bytes, const BtfSection* base)
    : bytes_(std::move(bytes)),
      base_(base),
      // Number 0 is void.
      first_id_(base == nullptr ? 1 : base->end_id()),
      first_name_(base == nullptr ? 0 : base->first_name_ + base->names_.size()) {}

Result<std::unique_ptr<BtfSection>> BtfSection::Parse(std::span<const std::byte> bytes,
                                                      const BtfSection* base) {
  if (bytes.size() < sizeof(btf_header) || bytes.size() > UINT32_MAX) {
    return Failure{"no BTF: wrong size"};
  }
  const auto header = ReadAt<btf_header>(bytes, 0);
  if (header.magic != BTF_MAGIC || header.version != BTF_VERSION) {
    return Failure{"no BTF: wrong magic or version"};
  }
  const std::size_t types_begin = std::size_t{header.hdr_len} + header.type_off;
  const std::size_t types_end = types_begin + header.type_len;
  const std::size_t names_begin = std::size_t{header.hdr_len} + header.str_off;
  const std::size_t names_end = names_begin + header.str_len;
  if (header.hdr_len < sizeof(header) || types_end > bytes.size() || names_end > bytes.size()) {
    return Failure{"unsound BTF: a section lies outside of it"};
  }
  std::unique_ptr<BtfSection> section(new BtfSection({bytes.begin(), bytes.end()}, base));
  // SAFETY: char may look at any bytes; [names_begin, names_end) was found inside of them.
  section->names_ = {reinterpret_cast<const char*>(section->bytes_.data()) + names_begin,
                     header.str_len};
  const std::string_view wrong = section->FindTypes(types_begin, types_end);
  if (!wrong.empty()) return Failure{"unsound BTF: " + std::string(wrong)};
  return section;
}

std::string_view BtfSection::FindTypes(std::size_t begin, std::size_t end) {
  const std::span<const std::byte> all = bytes_;
  while (begin < end) {
    if (end - begin < sizeof(btf_type)) return "a type is cut off";
    const auto header = ReadAt<btf_type>(all, begin);
    const auto rest = RestBytes(header.info);
    if (!rest) return "a type of an unknown kind";
    if (end - begin - sizeof(btf_type) < *rest) return "a type is cut off";
    types_.push_back(all.subspan(begin, sizeof(btf_type) + *rest));
    begin += types_.back().size();
  }
  return "";
}

std::optional<BtfType> BtfSection::Type(std::uint32_t id) const {
  if (id < first_id_) return base_ == nullptr ? std::nullopt : base_->Type(id);
  if (id >= end_id()) return std::nullopt;
  const std::span<const std::byte> bytes = types_[id - first_id_];
  return BtfType{ReadAt<btf_type>(bytes, 0), bytes.subspan(sizeof(btf_type))};
}

std::string_view BtfSection::Name(std::uint32_t offset) const {
  if (offset < first_name_) return base_->Name(offset);
  if (offset - first_name_ >= names_.size()) return "";
  const std::string_view name = names_.substr(offset - first_name_, kMostNameBytes + 1);
  const std::size_t end = name.find('\0');
  return end == name.npos ? "" : name.substr(0, end);
}

}  // namespace marrow::profile
