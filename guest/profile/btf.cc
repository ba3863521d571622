// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "guest/profile/scan.h"

namespace marrow::profile {
namespace {

constexpr std::uint64_t kPointerBytes = 8;
// Far above what kernels have, and low enough that a hostile BTF costs little.
constexpr int kMaxChain = 64;     // typedefs, qualifiers and dimensions around one type
constexpr int kMaxNesting = 16;   // anonymous structures in each other
constexpr int kMaxSteps = 65536;  // members looked at for one name
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 32;

struct BtfFree {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfPointer = std::unique_ptr<btf, BtfFree>;

// A type, and the BTF that its ids and names belong to.
struct Located {
  const btf* types = nullptr;
  const btf_type* type = nullptr;
};

// What is left of a type without typedefs, qualifiers and array dimensions.
struct Element {
  const btf_type* type = nullptr;
  std::string_view name;  // of the structure, or of the typedef that stands for it
  std::uint64_t count = 1;
  bool array = false;
};

std::string_view NameOf(const btf* types, std::uint32_t offset) {
  const char* name = btf__name_by_offset(types, offset);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

bool IsQualifier(const btf_type* type) {
  return btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type);
}

std::optional<Element> FindElement(const btf* types, std::uint32_t id) {
  Element element;
  std::string_view alias;
  for (int step = 0; step < kMaxChain; ++step) {
    const btf_type* type = btf__type_by_id(types, id);
    if (type == nullptr) return std::nullopt;
    if (IsQualifier(type)) {
      if (alias.empty() && btf_is_typedef(type)) alias = NameOf(types, type->name_off);
      id = type->type;
    } else if (btf_is_array(type)) {
      const auto* array = btf_array(type);
      element.array = true;
      element.count *= array->nelems;
      if (element.count > kMaxElements) return std::nullopt;
      id = array->type;
      alias = {};
    } else {
      element.type = type;
      element.name = NameOf(types, type->name_off);
      if (element.name.empty()) element.name = alias;
      return element;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> BytesOf(const btf_type* type) {
  if (btf_is_ptr(type)) return kPointerBytes;
  if (btf_is_composite(type) || btf_is_int(type) || btf_is_any_enum(type) || btf_is_float(type)) {
    return type->size;
  }
  return std::nullopt;
}

// A member of a structure or of anonymous ones in it.
struct Found {
  std::uint64_t bit_offset = 0;
  const btf_member* member = nullptr;
  bool bit_field = false;
};

std::optional<Found> FindMember(const btf* types, const btf_type* structure, std::string_view name,
                                int depth, int* steps) {
  const btf_member* members = btf_members(structure);
  for (std::uint32_t i = 0; i < btf_vlen(structure); ++i) {
    if (--*steps < 0) return std::nullopt;
    const std::uint64_t offset = btf_member_bit_offset(structure, i);
    const std::string_view member_name = NameOf(types, members[i].name_off);
    if (member_name == name) {
      return Found{offset, &members[i], btf_member_bitfield_size(structure, i) != 0};
    }
    if (!member_name.empty() || depth == kMaxNesting) continue;
    const auto inner = FindElement(types, members[i].type);
    if (!inner || inner->array || !btf_is_composite(inner->type)) continue;
    auto found = FindMember(types, inner->type, name, depth + 1, steps);
    if (!found) continue;
    found->bit_offset += offset;
    return found;
  }
  return std::nullopt;
}

// "name" or "name[7]".
struct Component {
  std::string_view name;
  std::optional<std::uint64_t> index;
};

std::optional<Component> TakeComponent(std::string_view* path) {
  const std::size_t dot = path->find('.');
  std::string_view text = path->substr(0, dot);
  path->remove_prefix(dot == path->npos ? path->size() : dot + 1);
  Component component{text, {}};
  if (const std::size_t open = text.find('['); open != text.npos) {
    if (!text.ends_with(']')) return std::nullopt;
    component.name = text.substr(0, open);
    component.index = ParseDecimal(text.substr(open + 1, text.size() - open - 2));
    if (!component.index) return std::nullopt;
  }
  if (component.name.empty()) return std::nullopt;
  return component;
}

// The offset in `*offset` grows by the component's.
std::optional<Element> Step(const btf* types, const btf_type* structure, const Component& component,
                            std::uint64_t* offset) {
  int steps = kMaxSteps;
  const auto found = FindMember(types, structure, component.name, 0, &steps);
  if (!found || found->bit_field || found->bit_offset % 8 != 0) return std::nullopt;
  auto element = FindElement(types, found->member->type);
  if (!element) return std::nullopt;
  // Before Linux 5.0 the width of a bit-field stands in an integer type of its own.
  if (btf_is_int(element->type) &&
      (btf_int_offset(element->type) != 0 ||
       btf_int_bits(element->type) != std::uint64_t{element->type->size} * 8)) {
    return std::nullopt;
  }
  *offset += found->bit_offset / 8;
  if (!component.index) return element;
  const auto bytes = BytesOf(element->type);
  if (!bytes || !element->array || *component.index >= kMaxElements ||
      (element->count != 0 && *component.index >= element->count)) {
    return std::nullopt;
  }
  *offset += *component.index * *bytes;
  element->count = 1;
  return element;
}

// libbpf adds offsets and lengths in 32 bits: they are checked here, in 64.
std::string CheckHeader(std::span<const std::byte> bytes) {
  btf_header header{};
  if (bytes.size() < sizeof(header) || bytes.size() > UINT32_MAX) return "no BTF: wrong size";
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != BTF_MAGIC || header.version != BTF_VERSION) return "no BTF: wrong magic";
  const std::uint64_t begin = header.hdr_len;
  const std::uint64_t types_end = std::uint64_t{header.type_off} + header.type_len;
  const std::uint64_t strings_end = std::uint64_t{header.str_off} + header.str_len;
  if (begin < sizeof(header) || begin % 4 != 0 || header.type_off % 4 != 0 ||
      types_end > header.str_off || begin + strings_end > bytes.size()) {
    return "unsound BTF: its sections lie outside of it";
  }
  return "";
}

}  // namespace

struct Btf::State {
  BtfPointer vmlinux;
  std::vector<BtfPointer> modules;
  // The names are views of the BTFs' strings.
  std::unordered_map<std::string_view, Located> structures;
  std::unordered_map<std::string_view, Located> typedefs;  // of structures

  void Index(const btf* types, std::uint32_t first_id) {
    for (std::uint32_t id = first_id; id < btf__type_cnt(types); ++id) {
      const btf_type* type = btf__type_by_id(types, id);
      if (type == nullptr) continue;
      const std::string_view name = NameOf(types, type->name_off);
      if (name.empty()) continue;
      if (btf_is_composite(type)) {
        structures.try_emplace(name, Located{types, type});
      } else if (btf_is_typedef(type)) {
        const auto element = FindElement(types, id);
        if (element && !element->array && btf_is_composite(element->type)) {
          typedefs.try_emplace(name, Located{types, element->type});
        }
      }
    }
  }

  std::optional<Located> Find(std::string_view name) const {
    for (const auto* map : {&structures, &typedefs}) {
      if (const auto found = map->find(name); found != map->end()) return found->second;
    }
    return std::nullopt;
  }
};

Btf::Btf(std::unique_ptr<State> state) : state_(std::move(state)) {}
Btf::Btf(Btf&&) noexcept = default;
Btf& Btf::operator=(Btf&&) noexcept = default;
Btf::~Btf() = default;

Result<Btf> Btf::Parse(std::span<const std::byte> vmlinux) {
  libbpf_set_print(nullptr);
  if (std::string wrong = CheckHeader(vmlinux); !wrong.empty()) return Failure{std::move(wrong)};
  auto state = std::make_unique<State>();
  state->vmlinux.reset(btf__new(vmlinux.data(), static_cast<std::uint32_t>(vmlinux.size())));
  if (state->vmlinux == nullptr) return Failure{"unsound BTF: its types or names are malformed"};
  state->Index(state->vmlinux.get(), 1);
  return Btf(std::move(state));
}

std::string Btf::AddModule(std::span<const std::byte> module) {
  if (std::string wrong = CheckHeader(module); !wrong.empty()) return wrong;
  BtfPointer types(btf__new_split(module.data(), static_cast<std::uint32_t>(module.size()),
                                  state_->vmlinux.get()));
  if (types == nullptr) return "unsound BTF: its types or names are malformed";
  state_->Index(types.get(), btf__type_cnt(state_->vmlinux.get()));
  state_->modules.push_back(std::move(types));
  return "";
}

std::optional<std::uint64_t> Btf::SizeOf(std::string_view type) const {
  const auto found = state_->Find(type);
  if (!found) return std::nullopt;
  return found->type->size;
}

std::optional<Member> Btf::Find(std::string_view type, std::string_view path) const {
  const auto found = state_->Find(type);
  if (!found || path.empty() || path.ends_with('.')) return std::nullopt;
  std::optional<Element> element = Element{found->type, type};
  Member member;
  while (!path.empty()) {
    if (!btf_is_composite(element->type)) return std::nullopt;
    const auto component = TakeComponent(&path);
    if (!component) return std::nullopt;
    element = Step(found->types, element->type, *component, &member.offset);
    if (!element) return std::nullopt;
  }
  const auto bytes = BytesOf(element->type);
  if (!bytes) return std::nullopt;
  member.bytes = *bytes;
  member.count = element->count;
  member.pointer = btf_is_ptr(element->type);
  if (member.pointer) {
    const auto pointee = FindElement(found->types, element->type->type);
    if (pointee && (btf_is_composite(pointee->type) || btf_is_fwd(pointee->type))) {
      member.type = pointee->name;
    }
  } else if (btf_is_composite(element->type)) {
    member.type = element->name;
  }
  return member;
}

}  // namespace marrow::profile
