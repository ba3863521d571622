// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/link_compiler.h"

#include <algorithm>
#include <utility>

namespace marrow::profile {
namespace {

constexpr std::uint32_t kWordBytes = 8;
// The ABI's bound for objects in a row, and what a member may say unless the profile says more.
constexpr std::uint32_t kMaxElements = 1 << 24;
constexpr std::uint32_t kMaxWords = 1 << 24;
// Likewise for where a member lies and how large it is; BTF may be hostile.
constexpr std::uint64_t kMaxMemberBytes = 1 << 26;
constexpr std::uint64_t kMaxEntryBytes = 4096;
constexpr std::uint32_t kDefaultMaxElements = 1 << 16;
constexpr std::uint32_t kMaxOrcEntries = 1 << 20;

Failure AlreadyReported() { return Failure{""}; }

std::vector<marrow_edge> One(const marrow_edge& edge) { return {edge}; }

}  // namespace

std::uint16_t TargetFlags(const Link& link) {
  const bool text = link.kind == LinkKind::kString;
  return static_cast<std::uint16_t>((text ? MARROW_TYPE_TEXT : 0) |
                                    (link.zeros ? MARROW_TYPE_ZEROS : 0) |
                                    (link.if_mapped ? MARROW_TYPE_QUIET : 0));
}

Edges LinkCompiler::Compile(const Link& link, const FieldWords& words, const EdgeSource& source,
                            const std::string& place, bool optional) {
  const Line line{link, words, source, place, optional};
  if (words.count > kMaxWords || words.bytes > kMaxMemberBytes) {
    return Failure{words.name + " is too large"};
  }
  if (words.count == 0) return Failure{words.name + " is a flexible array: say count or elements"};
  switch (link.kind) {
    case LinkKind::kPointer:
      return Pointer(line, MARROW_EDGE_POINTER);
    case LinkKind::kPercpu:
      if (!percpu_) {
        return Failure{"no per-CPU data: __per_cpu_offset or the possible CPUs are not known"};
      }
      return Pointer(line, MARROW_EDGE_PERCPU);
    case LinkKind::kEmbedded:
      return Embedded(line);
    case LinkKind::kTable:
      return Table(line);
    case LinkKind::kRing:
      return Ring(line);
    case LinkKind::kList:
    case LinkKind::kHlist:
    case LinkKind::kChain:
      return List(line);
    case LinkKind::kRbtree:
      return Rbtree(line);
    case LinkKind::kXarray:
      return Xarray(line);
    case LinkKind::kMaple:
      return Maple(line);
    case LinkKind::kKernelStack:
      return KernelStack(line);
    case LinkKind::kString:
      return String(line);
    case LinkKind::kOrc:
      break;
  }
  return Orc(line);
}

Result<Member> LinkCompiler::FindMember(const std::string& structure,
                                        const Alternatives& paths) const {
  for (const std::string& path : paths) {
    auto member = types_.Find(structure, path);
    if (!member) continue;
    if (member->offset > kMaxMemberBytes) return Failure{structure + "." + path + " lies too far"};
    return std::move(*member);
  }
  return Failure{(structure.empty() ? "an object without a structure" : structure) +
                 " has no member " + Join(paths)};
}

marrow_edge LinkCompiler::NewEdge(const Line& line, marrow_edge_kind kind) {
  marrow_edge edge{};
  edge.kind = static_cast<std::uint16_t>(kind);
  edge.offset = static_cast<std::int32_t>(line.words.offset);
  edge.count = static_cast<std::uint32_t>(line.words.count);
  edge.stride = std::max(static_cast<std::uint32_t>(line.words.bytes), 1u);
  edge.tag_mask = line.link.tag_mask;
  edge.tag_value = line.link.tag_value;
  edge.clear_mask = line.link.clear_mask;
  edge.adjust = line.link.adjust;
  edge.elements = 1;
  return edge;
}

std::uint16_t LinkCompiler::TargetClass(const Line& line) {
  return line.link.region_class ? static_cast<std::uint16_t>(*line.link.region_class)
                                : line.source.region_class;
}

Result<LinkCompiler::Target> LinkCompiler::FindTarget(const Line& line) {
  const Link& link = line.link;
  if (link.bytes != 0 || !link.bytes_path.empty()) {
    const std::uint32_t bytes = link.bytes_path.empty() ? link.bytes : 1;
    return Target{table_->Raw(bytes, TargetClass(line), TargetFlags(link)), "bytes", 0};
  }
  const std::string name = link.target.empty() ? line.words.structure : link.target;
  if (name.empty()) {
    return Failure{line.words.name + " does not tell a structure: give a type or bytes"};
  }
  const auto type =
      table_->Request({name, line.source.region_class, link.region_class, TargetFlags(link)},
                      line.place, line.optional);
  if (!type) return AlreadyReported();
  Target target{*type, name, 0};
  if (!link.target_path.empty()) {
    const auto member = FindMember((*table_)[*type].structure, link.target_path);
    if (!member.ok()) return member.failure();
    target.offset = static_cast<std::int32_t>(member->offset);
  }
  return target;
}

Result<bool> LinkCompiler::SetRow(const Line& line, marrow_edge* edge) const {
  const Link& link = line.link;
  if (link.row.number) edge->elements = std::min(*link.row.number, kMaxElements);
  const Alternatives& path = link.bytes_path.empty() ? link.row.path : link.bytes_path;
  if (path.empty()) return true;
  const auto member = FindMember(line.source.structure, path);
  if (!member.ok()) return member.failure();
  const std::uint64_t width = member->bytes;
  if (member->count != 1 || (width != 1 && width != 2 && width != 4 && width != 8)) {
    return Failure{Join(path) + " is no number"};
  }
  edge->elements = std::min(link.row.maximum.value_or(kDefaultMaxElements), kMaxElements);
  edge->elements_offset = static_cast<std::int32_t>(member->offset);
  edge->elements_width = static_cast<std::uint32_t>(width);
  return true;
}

Edges LinkCompiler::Pointer(const Line& line, marrow_edge_kind kind) {
  if (line.words.bytes != kWordBytes) return Failure{line.words.name + " is no pointer"};
  if (!line.words.pointer && line.link.target.empty() && line.link.bytes == 0 &&
      line.link.bytes_path.empty()) {
    return Failure{line.words.name + " is no pointer: give the type that it leads to"};
  }
  marrow_edge edge = NewEdge(line, kind);
  const auto row = SetRow(line, &edge);
  if (!row.ok()) return row.failure();
  const auto target = FindTarget(line);
  if (!target.ok()) return target.failure();
  edge.target = target->type;
  edge.adjust -= target->offset;
  return One(edge);
}

Edges LinkCompiler::Embedded(const Line& line) {
  if (line.words.pointer && line.link.target.empty()) {
    return Failure{line.words.name + " is a pointer: follow it with pointer"};
  }
  marrow_edge edge = NewEdge(line, MARROW_EDGE_EMBEDDED);
  const auto row = SetRow(line, &edge);
  if (!row.ok()) return row.failure();
  const auto target = FindTarget(line);
  if (!target.ok()) return target.failure();
  edge.target = target->type;
  edge.offset += edge.adjust - target->offset;
  edge.adjust = 0;
  return One(edge);
}

Edges LinkCompiler::Table(const Line& line) {
  if (line.words.bytes != kWordBytes) return Failure{line.words.name + " is no pointer"};
  marrow_edge edge = NewEdge(line, MARROW_EDGE_POINTER);
  const auto row = SetRow(line, &edge);
  if (!row.ok()) return row.failure();
  const auto target = FindTarget(line);
  if (!target.ok()) return target.failure();
  // Tags and the like are said of the pointers in the table, not of the one to it.
  marrow_edge slot = edge;
  slot.offset = 0;
  slot.count = 1;
  slot.stride = kWordBytes;
  slot.elements = 1;
  slot.elements_offset = 0;
  slot.elements_width = 0;
  slot.target = target->type;
  slot.adjust -= target->offset;
  std::string key = "table";
  for (const std::uint32_t part :
       {slot.target, slot.tag_mask, slot.tag_value, slot.clear_mask,
        static_cast<std::uint32_t>(slot.adjust), std::uint32_t{line.source.region_class}}) {
    key += "/" + std::to_string(part);
  }
  auto type = table_->Find(key);
  if (!type) {
    TypeDraft draft;
    draft.type.bytes = kWordBytes;
    draft.type.stride = kWordBytes;
    draft.type.region_class = line.source.region_class;
    SetName("table<" + target->name + ">", draft.type.name);
    draft.edges = One(slot);
    type = table_->Add(key, std::move(draft));
  }
  edge.tag_mask = edge.tag_value = edge.clear_mask = 0;
  edge.adjust = 0;
  edge.target = *type;
  return One(edge);
}

Edges LinkCompiler::Ring(const Line& line) {
  if (line.words.count != 1) return Failure{line.words.name + " is an array, and no ring"};
  marrow_edge edge = NewEdge(line, MARROW_EDGE_POINTER);
  edge.target = line.source.type;
  edge.adjust -= edge.offset;
  return One(edge);
}

Edges LinkCompiler::List(const Line& line) {
  const bool chain = line.link.kind == LinkKind::kChain;
  // A list_head is two words, heads of the other kinds are one.
  const std::uint64_t head_bytes = line.link.kind == LinkKind::kList ? 2 * kWordBytes : kWordBytes;
  if (line.words.pointer && !chain) {
    return Failure{line.words.name + " is a pointer, and no list head"};
  }
  if (line.words.bytes != head_bytes) {
    return Failure{line.words.name + (chain ? " is no pointer" : " is no list head")};
  }
  const auto target = FindTarget(line);
  if (!target.ok()) return target.failure();
  marrow_edge edge = NewEdge(line, MARROW_EDGE_LIST);
  edge.target = target->type;
  edge.limit = line.link.limit;
  if (chain) {
    edge.link = target->offset;
  } else {
    edge.adjust -= target->offset;
  }
  return One(edge);
}

Edges LinkCompiler::KernelStack(const Line& line) {
  if (line.words.bytes != kWordBytes) return Failure{line.words.name + " is no pointer"};
  const auto sp = FindMember(line.source.structure, line.link.sp_path);
  if (!sp.ok()) return sp.failure();
  if (sp->bytes != kWordBytes) return Failure{Join(line.link.sp_path) + " is no stack pointer"};
  marrow_edge edge = NewEdge(line, MARROW_EDGE_STACK);
  edge.link = static_cast<std::int32_t>(sp->offset);
  return One(edge);
}

Edges LinkCompiler::String(const Line& line) {
  if (line.words.bytes != kWordBytes) {
    return Failure{line.words.name + " is no pointer; text inside an object comes with it"};
  }
  marrow_edge edge = NewEdge(line, MARROW_EDGE_POINTER);
  edge.target = table_->Raw(line.link.bytes, TargetClass(line), TargetFlags(line.link));
  return One(edge);
}

Edges LinkCompiler::Orc(const Line& line) {
  if (!line.words.pointer) return Failure{line.words.name + " is no pointer"};
  const auto entries = FindMember(line.source.structure, line.link.entries_path);
  if (!entries.ok()) return entries.failure();
  const auto entry_bytes = types_.SizeOf("orc_entry");
  if (!entry_bytes || *entry_bytes == 0 || *entry_bytes > kMaxEntryBytes) {
    return Failure{"the kernel's types have no structure orc_entry"};
  }
  marrow_edge edge = NewEdge(line, MARROW_EDGE_LOOKUP);
  edge.link = static_cast<std::int32_t>(entries->offset);
  edge.stride = static_cast<std::uint32_t>(*entry_bytes);
  const auto row = SetRow(line, &edge);
  if (!row.ok()) return row.failure();
  edge.elements = line.link.row.maximum.value_or(kMaxOrcEntries);
  return One(edge);
}

}  // namespace marrow::profile
