// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/btf.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "guest/profile/btf_section.h"
#include "guest/profile/scan.h"

namespace marrow::profile {
namespace {

constexpr std::uint64_t kPointerBytes = 8;
// Far above what kernels have, and low enough that a hostile BTF costs little.
constexpr int kMaxChain = 64;               // typedefs, qualifiers and dimensions around one type
constexpr int kMaxNesting = 16;             // anonymous structures in each other
constexpr std::uint32_t kMaxSteps = 65536;  // members looked at for one name
constexpr std::size_t kMaxNames = 1 << 18;  // of structures, and of their typedefs
constexpr std::uint32_t kStepsPerTime = 1024;  // looked at between two looks at the time
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 32;

// A type, and the section that its numbers belong to.
struct Located {
  const BtfSection* section = nullptr;
  BtfType type = {};
};

// What is left of a type without typedefs, qualifiers and array dimensions.
struct Element {
  BtfType type = {};
  std::string_view name = {};  // of the structure, or of the typedef that stands for it
  std::uint64_t count = 1;
  bool array = false;
};

bool IsWrapper(const BtfType& type) {
  switch (type.kind()) {
    case BTF_KIND_TYPEDEF:
    case BTF_KIND_VOLATILE:
    case BTF_KIND_CONST:
    case BTF_KIND_RESTRICT:
    case BTF_KIND_TYPE_TAG:
      return true;
    default:
      return false;
  }
}

std::optional<Element> FindElement(const BtfSection& section, std::uint32_t id) {
  Element element;
  std::optional<std::string_view> alias;
  for (int step = 0; step < kMaxChain; ++step) {
    const auto type = section.Type(id);
    if (!type) return std::nullopt;
    if (IsWrapper(*type)) {
      if (!alias && type->kind() == BTF_KIND_TYPEDEF) {
        alias = section.Name(type->header.name_off);
      }
      id = type->header.type;
    } else if (type->kind() == BTF_KIND_ARRAY) {
      const btf_array array = type->Array();
      element.array = true;
      element.count *= array.nelems;
      if (element.count > kMaxElements) return std::nullopt;
      id = array.type;
      alias.reset();
    } else {
      element.type = *type;
      element.name = section.Name(type->header.name_off);
      if (element.name.empty()) element.name = alias.value_or("");
      return element;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> BytesOf(const BtfType& type) {
  switch (type.kind()) {
    case BTF_KIND_PTR:
      return kPointerBytes;
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
    case BTF_KIND_INT:
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
    case BTF_KIND_FLOAT:
      return type.header.size;
    default:
      return std::nullopt;
  }
}

// Before Linux 5.0 the width of a bit-field stands in an integer type of its own.
bool IsPartialInteger(const BtfType& type) {
  if (type.kind() != BTF_KIND_INT) return false;
  const std::uint32_t integer = type.Integer();
  return BTF_INT_OFFSET(integer) != 0 ||
         BTF_INT_BITS(integer) != std::uint64_t{type.header.size} * 8;
}

// A member of a structure or of anonymous ones in it.
struct Found {
  std::uint64_t bit_offset = 0;
  std::uint32_t type = 0;
  bool bit_field = false;
};

// What the search for one name may cost.
class Budget {
 public:
  explicit Budget(const std::function<bool()>& expired)
      : steps_(expired && expired() ? 0 : kMaxSteps), expired_(expired) {}

  bool Take() {
    if (steps_ == 0) return false;
    --steps_;
    if (steps_ % kStepsPerTime == 0 && expired_ && expired_()) steps_ = 0;
    return true;
  }

 private:
  std::uint32_t steps_;
  const std::function<bool()>& expired_;
};

std::optional<Found> FindMember(const BtfSection& section, const BtfType& structure,
                                std::string_view name, int depth, Budget& budget) {
  const bool widths = BTF_INFO_KFLAG(structure.header.info) != 0;
  for (std::uint32_t i = 0; i < structure.count(); ++i) {
    if (!budget.Take()) return std::nullopt;
    const btf_member member = structure.MemberAt(i);
    const std::uint64_t offset = widths ? BTF_MEMBER_BIT_OFFSET(member.offset) : member.offset;
    const std::string_view member_name = section.Name(member.name_off);
    if (member_name == name) {
      return Found{offset, member.type, widths && BTF_MEMBER_BITFIELD_SIZE(member.offset) != 0};
    }
    if (!member_name.empty() || depth == kMaxNesting) continue;
    const auto inner = FindElement(section, member.type);
    if (!inner || inner->array || !inner->type.composite()) continue;
    auto found = FindMember(section, inner->type, name, depth + 1, budget);
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

// `*offset` grows by the component's.
std::optional<Element> Step(const BtfSection& section, const BtfType& structure,
                            const Component& component, const std::function<bool()>& expired,
                            std::uint64_t* offset) {
  Budget budget(expired);
  const auto found = FindMember(section, structure, component.name, 0, budget);
  if (!found || found->bit_field || found->bit_offset % 8 != 0) return std::nullopt;
  auto element = FindElement(section, found->type);
  if (!element || IsPartialInteger(element->type)) return std::nullopt;
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

// Types by name; of one name the first stays. Sorted, and not hashed: a guest may choose names that
// all have one hash.
class NameTable {
 public:
  // `name` must outlive the table. It is found after the next Sort().
  void Add(std::string_view name, Located type) {
    if (entries_.size() < kMaxNames) entries_.emplace_back(name, type);
  }

  void Sort() {
    const auto added = entries_.begin() + static_cast<std::ptrdiff_t>(sorted_);
    const auto before = [](const Entry& a, const Entry& b) { return a.first < b.first; };
    const auto same = [](const Entry& a, const Entry& b) { return a.first == b.first; };
    std::stable_sort(added, entries_.end(), before);
    std::inplace_merge(entries_.begin(), added, entries_.end(), before);
    entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
    sorted_ = entries_.size();
  }

  std::optional<Located> Find(std::string_view name) const {
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), name,
        [](const Entry& entry, std::string_view wanted) { return entry.first < wanted; });
    if (found == entries_.end() || found->first != name) return std::nullopt;
    return found->second;
  }

 private:
  using Entry = std::pair<std::string_view, Located>;
  std::vector<Entry> entries_;
  std::size_t sorted_ = 0;
};

}  // namespace

struct Btf::State {
  std::unique_ptr<BtfSection> vmlinux;
  std::vector<std::unique_ptr<BtfSection>> modules;
  NameTable structures;
  NameTable typedefs;             // of structures
  std::function<bool()> expired;  // may be empty

  void Index(const BtfSection& section) {
    for (std::uint32_t id = section.first_id(); id < section.end_id(); ++id) {
      if (id % kStepsPerTime == 0 && expired && expired()) break;
      const BtfType type = *section.Type(id);
      const std::string_view name = section.Name(type.header.name_off);
      if (name.empty()) continue;
      if (type.composite()) {
        structures.Add(name, {&section, type});
      } else if (type.kind() == BTF_KIND_TYPEDEF) {
        const auto element = FindElement(section, id);
        if (element && !element->array && element->type.composite()) {
          typedefs.Add(name, {&section, element->type});
        }
      }
    }
    structures.Sort();
    typedefs.Sort();
  }

  std::optional<Located> Find(std::string_view name) const {
    const auto structure = structures.Find(name);
    return structure ? structure : typedefs.Find(name);
  }
};

Btf::Btf(std::unique_ptr<State> state) : state_(std::move(state)) {}
Btf::Btf(Btf&&) noexcept = default;
Btf& Btf::operator=(Btf&&) noexcept = default;
Btf::~Btf() = default;

Result<Btf> Btf::Parse(std::span<const std::byte> vmlinux, std::function<bool()> expired) {
  auto section = BtfSection::Parse(vmlinux, nullptr);
  if (!section.ok()) return section.failure();
  auto state = std::make_unique<State>();
  state->vmlinux = std::move(*section);
  state->expired = std::move(expired);
  state->Index(*state->vmlinux);
  return Btf(std::move(state));
}

std::string Btf::AddModule(std::span<const std::byte> module) {
  auto section = BtfSection::Parse(module, state_->vmlinux.get());
  if (!section.ok()) return section.error();
  state_->modules.push_back(std::move(*section));
  state_->Index(*state_->modules.back());
  return "";
}

std::optional<std::uint64_t> Btf::SizeOf(std::string_view type) const {
  const auto found = state_->Find(type);
  if (!found) return std::nullopt;
  return found->type.header.size;
}

std::optional<Member> Btf::Find(std::string_view type, std::string_view path) const {
  const auto found = state_->Find(type);
  if (!found || path.empty() || path.ends_with('.')) return std::nullopt;
  const BtfSection& section = *found->section;
  std::optional<Element> element = Element{found->type, type};
  Member member;
  while (!path.empty()) {
    const auto component = TakeComponent(&path);
    if (!component || !element->type.composite()) return std::nullopt;
    element = Step(section, element->type, *component, state_->expired, &member.offset);
    if (!element) return std::nullopt;
  }
  const auto bytes = BytesOf(element->type);
  if (!bytes) return std::nullopt;
  member.bytes = *bytes;
  member.count = element->count;
  member.pointer = element->type.pointer();
  if (member.pointer) {
    const auto pointee = FindElement(section, element->type.header.type);
    const bool named =
        pointee && (pointee->type.composite() || pointee->type.kind() == BTF_KIND_FWD);
    if (named) member.type = pointee->name;
  } else if (element->type.composite()) {
    member.type = element->name;
  }
  return member;
}

}  // namespace marrow::profile
