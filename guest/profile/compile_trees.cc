// SPDX-License-Identifier: Apache-2.0
// Trees become types of nodes that lead to themselves and to the objects they hold: one set of
// node types for each type of object.
#include <array>
#include <utility>

#include "guest/profile/link_compiler.h"

namespace marrow::profile {
namespace {

// include/linux/xarray.h: the low bits of an entry.
constexpr std::uint32_t kXaMask = 3;
constexpr std::uint32_t kXaNode = 2;

// include/linux/maple_tree.h, lib/maple_tree.c: nodes are aligned to 256 bytes, their kind stands
// in bits 3 to 6 of a word that leads to one; only a root has the low bits 10 for sure.
constexpr std::uint32_t kMapleNodeMask = 0xff;
constexpr std::uint32_t kMapleKindMask = 0x78;
constexpr std::uint32_t kMapleKindShift = 3;
constexpr std::uint32_t kMapleRootMask = kMapleKindMask | 3;
constexpr std::uint32_t kMapleRoot = 2;
constexpr std::uint32_t kMapleEntryMask = 3;

struct MapleKind {
  const char* name;
  const char* slots;
  bool leaf;
};

// By enum maple_type.
constexpr std::array<MapleKind, 4> kMapleKinds = {{
    {"maple_dense", "slot", true},
    {"maple_leaf", "mr64.slot", true},
    {"maple_range", "mr64.slot", false},
    {"maple_arange", "ma64.slot", false},
}};

marrow_edge SlotEdge(const Member& slots, std::uint32_t target) {
  marrow_edge edge{};
  edge.kind = MARROW_EDGE_POINTER;
  edge.target = target;
  edge.offset = static_cast<std::int32_t>(slots.offset);
  edge.count = static_cast<std::uint32_t>(slots.count);
  edge.stride = static_cast<std::uint32_t>(slots.bytes);
  edge.elements = 1;
  return edge;
}

void SetTag(std::uint32_t mask, std::uint32_t value, std::uint32_t clear, marrow_edge* edge) {
  edge->tag_mask = mask;
  edge->tag_value = value;
  edge->clear_mask = clear;
}

// The words of a tree's head: `member` of the structure that the field is, or the field itself
// where it is a pointer.
Result<std::uint64_t> HeadOffset(const KernelTypes& types, const FieldWords& words,
                                 const std::vector<std::pair<const char*, const char*>>& heads) {
  if (words.pointer) return words.offset;
  for (const auto& [structure, path] : heads) {
    if (words.structure != structure) continue;
    const auto member = types.Find(structure, path);
    if (member && member->offset < words.bytes) return words.offset + member->offset;
  }
  std::string wanted;
  for (const auto& head : heads) wanted += (wanted.empty() ? "" : ", ") + std::string(head.first);
  return Failure{words.name + " is none of " + wanted};
}

std::string NodeKey(const char* kind, std::uint32_t target, std::int32_t adjust) {
  return std::string(kind) + "/" + std::to_string(target) + "/" + std::to_string(adjust);
}

// Of a node's structure; real ones have 576 and 256 bytes.
Result<std::uint32_t> NodeBytes(const KernelTypes& types, const char* structure) {
  constexpr std::uint64_t kMaxNodeBytes = 1 << 16;
  const auto bytes = types.SizeOf(structure);
  if (!bytes || *bytes == 0 || *bytes > kMaxNodeBytes) {
    return Failure{"the kernel's types have no structure " + std::string(structure)};
  }
  return static_cast<std::uint32_t>(*bytes);
}

bool IsSlotArray(const Result<Member>& member) {
  return member.ok() && member->bytes == sizeof(std::uint64_t) && member->count > 0 &&
         member->count <= 1024;
}

// Slots of a leaf that hold objects. The last one may hold the leaf's own numbers instead, at most
// 15: told from objects by alignment, as words of which nothing is left without the low 4 bits.
void AddLeafEdges(const Member& slots, bool has_metadata, std::uint32_t target, std::int32_t adjust,
                  std::vector<marrow_edge>* edges) {
  marrow_edge edge = SlotEdge(slots, target);
  edge.adjust = adjust;
  if (!has_metadata) {
    SetTag(kMapleEntryMask, 0, 0, &edge);
    edges->push_back(edge);
    return;
  }
  marrow_edge last = edge;
  last.offset += static_cast<std::int32_t>((slots.count - 1) * slots.bytes);
  last.count = 1;
  if (edge.count > 1) {
    --edge.count;
    SetTag(kMapleEntryMask, 0, 0, &edge);
    edges->push_back(edge);
  }
  for (const std::uint32_t low : {0u, 8u}) {
    SetTag(0xf, low, 0xf, &last);
    last.adjust = adjust + static_cast<std::int32_t>(low);
    edges->push_back(last);
  }
}

}  // namespace

Edges LinkCompiler::Rbtree(const Line& line) {
  const auto offset = HeadOffset(types_, line.words,
                                 {{"rb_root", "rb_node"}, {"rb_root_cached", "rb_root.rb_node"}});
  if (!offset.ok()) return offset.failure();
  const auto left = FindMember("rb_node", {"rb_left"});
  const auto right = FindMember("rb_node", {"rb_right"});
  if (!left.ok()) return left.failure();
  if (!right.ok()) return right.failure();
  const auto target = FindTarget(line);
  if (!target.ok()) return target.failure();
  const std::int32_t adjust = line.link.adjust - target->offset;
  const std::string key = NodeKey("rb_node", target->type, adjust);
  auto node = table_->Find(key);
  if (!node) {
    TypeDraft draft;
    draft.type.stride = 1;
    draft.type.region_class = (*table_)[target->type].type.region_class;
    SetName("rb_node<" + target->name + ">", draft.type.name);
    node = table_->Add(key, std::move(draft));
    marrow_edge object{};
    object.kind = MARROW_EDGE_EMBEDDED;
    object.target = target->type;
    object.offset = adjust;
    object.count = 1;
    object.stride = sizeof(std::uint64_t);
    object.elements = 1;
    (*table_)[*node].edges = {object, SlotEdge(*left, *node), SlotEdge(*right, *node)};
  }
  marrow_edge edge = NewEdge(line, MARROW_EDGE_POINTER);
  edge.offset = static_cast<std::int32_t>(*offset);
  edge.target = *node;
  edge.adjust = 0;
  return std::vector<marrow_edge>{edge};
}

Result<std::uint32_t> LinkCompiler::XarrayNode(const Line& line, const Target& target) {
  const std::int32_t adjust = line.link.adjust - target.offset;
  const std::string key = NodeKey("xa_node", target.type, adjust);
  if (const auto known = table_->Find(key)) return *known;
  const auto bytes = NodeBytes(types_, "xa_node");
  if (!bytes.ok()) return bytes.failure();
  const auto slots = FindMember("xa_node", {"slots"});
  if (!IsSlotArray(slots)) return Failure{"xa_node has no slots"};
  TypeDraft draft;
  draft.type.bytes = draft.type.stride = *bytes;
  draft.type.region_class = line.source.region_class;
  SetName("xa_node<" + target.name + ">", draft.type.name);
  const std::uint32_t node = table_->Add(key, std::move(draft));
  marrow_edge inner = SlotEdge(*slots, node);
  SetTag(kXaMask, kXaNode, kXaMask, &inner);
  marrow_edge entry = SlotEdge(*slots, target.type);
  SetTag(kXaMask, 0, 0, &entry);
  entry.adjust = adjust;
  (*table_)[node].edges = {inner, entry};
  return node;
}

Edges LinkCompiler::Xarray(const Line& line) {
  const auto offset = HeadOffset(types_, line.words,
                                 {{"xarray", "xa_head"},
                                  {"idr", "idr_rt.xa_head"},
                                  {"ida", "xa.xa_head"},
                                  {"radix_tree_root", "xa_head"}});
  if (!offset.ok()) return offset.failure();
  const auto target = FindTarget(line);
  if (!target.ok()) return target.failure();
  const auto node = XarrayNode(line, *target);
  if (!node.ok()) return node.failure();
  marrow_edge inner = NewEdge(line, MARROW_EDGE_POINTER);
  inner.offset = static_cast<std::int32_t>(*offset);
  marrow_edge entry = inner;
  inner.target = *node;
  inner.adjust = 0;
  SetTag(kXaMask, kXaNode, kXaMask, &inner);
  entry.target = target->type;
  entry.adjust -= target->offset;
  SetTag(kXaMask, 0, 0, &entry);
  return std::vector<marrow_edge>{inner, entry};
}

Result<std::vector<std::uint32_t>> LinkCompiler::MapleNodes(const Line& line,
                                                            const Target& target) {
  const std::int32_t adjust = line.link.adjust - target.offset;
  const auto bytes = NodeBytes(types_, "maple_node");
  if (!bytes.ok()) return bytes.failure();
  std::vector<std::uint32_t> nodes;
  for (const MapleKind& kind : kMapleKinds) {
    const auto known = table_->Find(NodeKey(kind.name, target.type, adjust));
    if (known) nodes.push_back(*known);
    if (!IsSlotArray(FindMember("maple_node", {kind.slots}))) {
      return Failure{"maple_node has no " + std::string(kind.slots)};
    }
  }
  if (nodes.size() == kMapleKinds.size()) return nodes;
  for (const MapleKind& kind : kMapleKinds) {
    TypeDraft draft;
    draft.type.bytes = draft.type.stride = *bytes;
    draft.type.region_class = line.source.region_class;
    SetName(std::string(kind.name) + "<" + target.name + ">", draft.type.name);
    nodes.push_back(table_->Add(NodeKey(kind.name, target.type, adjust), std::move(draft)));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Member slots = *FindMember("maple_node", {kMapleKinds[i].slots});
    std::vector<marrow_edge>& edges = (*table_)[nodes[i]].edges;
    if (kMapleKinds[i].leaf) {
      AddLeafEdges(slots, kMapleKinds[i].slots != std::string_view("slot"), target.type, adjust,
                   &edges);
      continue;
    }
    for (std::uint32_t kind = 0; kind < nodes.size(); ++kind) {
      edges.push_back(SlotEdge(slots, nodes[kind]));
      SetTag(kMapleKindMask, kind << kMapleKindShift, kMapleNodeMask, &edges.back());
    }
  }
  return nodes;
}

Edges LinkCompiler::Maple(const Line& line) {
  const auto offset = HeadOffset(types_, line.words, {{"maple_tree", "ma_root"}});
  if (!offset.ok()) return offset.failure();
  const auto target = FindTarget(line);
  if (!target.ok()) return target.failure();
  const auto nodes = MapleNodes(line, *target);
  if (!nodes.ok()) return nodes.failure();
  marrow_edge edge = NewEdge(line, MARROW_EDGE_POINTER);
  edge.offset = static_cast<std::int32_t>(*offset);
  std::vector<marrow_edge> edges;
  for (std::uint32_t kind = 0; kind < nodes->size(); ++kind) {
    edges.push_back(edge);
    edges.back().target = (*nodes)[kind];
    edges.back().adjust = 0;
    SetTag(kMapleRootMask, kMapleRoot | kind << kMapleKindShift, kMapleNodeMask, &edges.back());
  }
  edge.target = target->type;
  edge.adjust -= target->offset;
  SetTag(kMapleEntryMask, 0, 0, &edge);
  edges.push_back(edge);
  return edges;
}

}  // namespace marrow::profile
