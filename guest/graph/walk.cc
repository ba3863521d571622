// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/walk.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "guest/graph/edge_words.h"
#include "guest/graph/ledger.h"
#include "guest/graph/live.h"
#include "guest/graph/lookups.h"
#include "guest/graph/meter.h"
#include "guest/graph/reader.h"
#include "guest/graph/stacks.h"
#include "guest/graph/visited.h"
#include "guest/lib/graph_check.h"

namespace marrow::graph {
namespace {

// Words and pages that may be looked at for each object that may be visited, and for a walk at all:
// an xarray node has 64 words, few of them are objects.
constexpr std::uint64_t kStepsPerObject = 64;
constexpr std::uint64_t kStepsOfAWalk = 1 << 16;

std::uint64_t MostSteps(const WalkLimits& limits) {
  constexpr std::uint64_t kMost = ~std::uint64_t{0} / (2 * kStepsPerObject);
  return kStepsOfAWalk + kStepsPerObject * std::min(limits.objects, kMost);
}

// An object that was found and is still to be visited.
struct Found {
  std::uint64_t address = 0;
  std::uint32_t root = 0;
  std::uint32_t edge = kNone;
};

class Walker {
 public:
  explicit Walker(const WalkInput& input)
      : input_(input),
        graph_(*input.graph),
        meter_(MostSteps(input.limits), input.out_of_time),
        reader_(*input.space),
        ledger_(input, reader_, meter_),
        lookups_(input, reader_, ledger_, meter_),
        live_(input, reader_, meter_),
        stacks_(input, reader_, ledger_, lookups_, live_, meter_),
        excluded_told_(graph_.types.size()) {}

  WalkReport Run();

 private:
  std::vector<std::uint32_t> RootsByPriority() const;
  void QueueRoot(std::uint32_t index);
  void VisitQueued();
  void EndTruncated(const std::vector<std::uint32_t>& roots_left);

  std::uint32_t TypeOf(const Origin& origin) const {
    return origin.edge == kNone ? graph_.roots[origin.root].type : graph_.edges[origin.edge].target;
  }
  enum class Admission { kNew, kKnown, kExcluded, kStop };
  // kStop: no further object of this root can be taken.
  Admission Admit(std::uint64_t address, const Origin& origin);
  // Each returns false on kStop.
  bool QueueRow(std::uint64_t address, std::uint64_t elements, const Origin& origin);
  bool KeepRun(std::uint64_t address, std::uint64_t bytes, Origin origin);
  bool IsExcluded(std::uint32_t type, const Origin& origin, std::uint64_t address);

  void Visit(const Found& object);
  bool KeepObject(std::uint64_t address, const marrow_type& type, const Origin& origin);
  void Follow(std::uint64_t object, const Origin& origin);
  // Each goes on while there is more to do for the root.
  void FollowPointers(std::uint64_t object, std::uint64_t elements, const Origin& origin);
  void FollowEmbedded(std::uint64_t object, std::uint64_t elements, const Origin& origin);
  void FollowLists(std::uint64_t object, std::uint64_t elements, const Origin& origin);
  void FollowList(std::uint64_t head, std::uint64_t elements, const Origin& origin);
  void FollowPercpu(std::uint64_t object, std::uint64_t elements, const Origin& origin);
  void FollowStacks(std::uint64_t object, const Origin& origin);
  void FollowLookup(std::uint64_t object, std::uint64_t elements, const Origin& origin);
  std::uint64_t Elements(std::uint64_t object, const Origin& origin);
  std::optional<std::uint64_t> PercpuOffset(const Origin& origin, std::uint32_t cpu);

  const WalkInput& input_;
  const Graph& graph_;
  Meter meter_;
  Reader reader_;
  Ledger ledger_;
  Lookups lookups_;
  LiveWords live_;
  Stacks stacks_;
  VisitedSet visited_;
  std::vector<Found> queue_;       // of the objects being visited
  std::vector<Found> next_queue_;  // one step farther from the roots
  std::vector<bool> excluded_told_;
};

WalkReport Walker::Run() {
  stacks_.KeepLive();
  std::vector<std::uint32_t> roots = RootsByPriority();
  auto next = roots.begin();
  while (next != roots.end() && !meter_.stopped()) {
    // The live roots of a priority come last: its other roots may find live stacks.
    const marrow_root& first = graph_.roots[*next];
    const bool live = first.kind == MARROW_ROOT_LIVE;
    for (; next != roots.end() && !meter_.stopped(); ++next) {
      const marrow_root& root = graph_.roots[*next];
      if (root.priority != first.priority || (root.kind == MARROW_ROOT_LIVE) != live) break;
      QueueRoot(*next);
    }
    VisitQueued();
    lookups_.CatchUp();
  }
  if (roots.empty()) lookups_.CatchUp();
  EndTruncated({next, roots.end()});
  return ledger_.Take();
}

// What a walk that was stopped had still to do.
void Walker::EndTruncated(const std::vector<std::uint32_t>& roots_left) {
  if (!meter_.stopped()) return;
  for (const auto* queue : {&queue_, &next_queue_}) {
    for (const Found& found : *queue) ledger_.Truncate(found.root, meter_.why());
  }
  for (const std::uint32_t root : roots_left) ledger_.Truncate(root, meter_.why());
}

std::vector<std::uint32_t> Walker::RootsByPriority() const {
  std::vector<std::uint32_t> order(graph_.roots.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
    const auto order_of = [this](std::uint32_t root) {
      return std::pair(graph_.roots[root].priority, graph_.roots[root].kind == MARROW_ROOT_LIVE);
    };
    return order_of(a) < order_of(b);
  });
  return order;
}

void Walker::QueueRoot(std::uint32_t index) {
  const marrow_root& root = graph_.roots[index];
  const Origin origin{.root = index};
  if (root.kind == MARROW_ROOT_OBJECT) {
    QueueRow(root.address, root.elements, origin);
  } else if (root.kind == MARROW_ROOT_LIVE) {
    const std::uint64_t bytes = std::uint64_t{root.elements} * guest::kGraphLivePageBytes;
    for (const std::uint64_t word : live_.In(root.address, bytes)) {
      if (!QueueRow(word, 1, origin)) break;
    }
  } else {
    for (std::uint32_t cpu = 0; cpu < graph_.header.cpu_count; ++cpu) {
      const auto offset = PercpuOffset(origin, cpu);
      if (offset && !QueueRow(root.address + *offset, root.elements, origin)) break;
      if (meter_.stopped()) break;
    }
  }
  if (meter_.stopped()) ledger_.Truncate(index, meter_.why());
}

void Walker::VisitQueued() {
  std::swap(queue_, next_queue_);
  while (!queue_.empty()) {
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      if (!meter_.stopped()) {
        Visit(queue_[i]);
        if (!meter_.stopped()) continue;
      }
      // The object being visited counts as not visited to its end.
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
    queue_.clear();
    std::swap(queue_, next_queue_);
  }
}

bool Walker::IsExcluded(std::uint32_t type, const Origin& origin, std::uint64_t address) {
  if (((input_.excluded_classes >> graph_.types[type].region_class) & 1) == 0) return false;
  if (!excluded_told_[type])
    ledger_.Complain(origin, address, "its class is excluded by host policy");
  excluded_told_[type] = true;
  return true;
}

Walker::Admission Walker::Admit(std::uint64_t address, const Origin& origin) {
  const std::uint32_t type = TypeOf(origin);
  if (IsExcluded(type, origin, address)) {
    return meter_.Take() ? Admission::kExcluded : Admission::kStop;
  }
  RootState& root = ledger_.root(origin.root);
  const bool room = root.queued < root.most_objects && visited_.size() < input_.limits.objects;
  std::uint64_t probes = 0;
  const bool is_new =
      room ? visited_.Insert(address, type, probes) : !visited_.Contains(address, type, probes);
  if (!meter_.Take(probes)) return Admission::kStop;
  if (!is_new) return Admission::kKnown;
  if (!room) {
    const bool own = root.queued >= root.most_objects;
    const std::uint64_t limit = own ? root.most_objects : input_.limits.objects;
    ledger_.Truncate(origin.root, "over its limit of " + std::to_string(limit) + " objects" +
                                      (own ? "" : " for all roots"));
    return Admission::kStop;
  }
  ++root.queued;
  return Admission::kNew;
}

bool Walker::QueueRow(std::uint64_t address, std::uint64_t elements, const Origin& origin) {
  const marrow_type& type = graph_.types[TypeOf(origin)];
  if (elements > 1 && IsPlain(type)) return KeepRun(address, elements * type.stride, origin);
  for (std::uint64_t i = 0; i < elements; ++i) {
    const std::uint64_t object = address + i * type.stride;
    const Admission admission = Admit(object, origin);
    if (admission == Admission::kStop) return false;
    if (admission == Admission::kNew) {
      next_queue_.push_back({.address = object, .root = origin.root, .edge = origin.edge});
    }
  }
  return true;
}

// However long, it is one object; and as nothing is found in it, it need not wait for its turn. One
// that is known may have been shorter; each page of it is a step all the same.
bool Walker::KeepRun(std::uint64_t address, std::uint64_t bytes, Origin origin) {
  const Admission admission = Admit(address, origin);
  if (admission == Admission::kStop) return false;
  if (admission == Admission::kExcluded) return true;
  if (admission == Admission::kNew) ++ledger_.report(origin.root).objects;
  const marrow_type& type = graph_.types[TypeOf(origin)];
  origin.quiet = IsQuiet(type);
  return (type.flags & MARROW_TYPE_ZEROS) != 0 ? ledger_.ZeroRange(origin, address, bytes)
                                               : ledger_.KeepRange(origin, address, bytes);
}

bool Walker::KeepObject(std::uint64_t address, const marrow_type& type, const Origin& origin) {
  if (type.bytes == 0) return true;
  if ((type.flags & MARROW_TYPE_ZEROS) != 0) return ledger_.ZeroRange(origin, address, type.bytes);
  if ((type.flags & MARROW_TYPE_TEXT) != 0) return ledger_.KeepText(origin, address, type.bytes);
  return ledger_.KeepRange(origin, address, type.bytes);
}

void Walker::Visit(const Found& object) {
  Origin origin{.root = object.root, .edge = object.edge};
  if (ledger_.IsOver(origin)) return;
  const marrow_type& type = graph_.types[TypeOf(origin)];
  origin.quiet = IsQuiet(type);
  ++ledger_.report(origin.root).objects;
  if (!KeepObject(object.address, type, origin)) return;
  for (std::uint32_t i = 0; i < type.edge_count && !ledger_.IsOver(origin); ++i) {
    if (!meter_.Take()) return;
    origin.edge = type.first_edge + i;
    Follow(object.address, origin);
  }
}

std::uint64_t Walker::Elements(std::uint64_t object, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  std::uint64_t elements = edge.elements;
  if (edge.elements_width != 0) {
    const auto number =
        ledger_.Number(origin, Plus(object, edge.elements_offset), edge.elements_width);
    elements = std::min(elements, number.value_or(0));
  }
  const bool each_visited = edge.kind != MARROW_EDGE_LOOKUP && !IsPlain(graph_.types[edge.target]);
  if (each_visited && elements > input_.limits.elements) {
    ledger_.Complain(origin, object, "over the limit of elements in a row");
    elements = input_.limits.elements;
  }
  return elements;
}

void Walker::Follow(std::uint64_t object, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  if (edge.kind == MARROW_EDGE_STACK) return FollowStacks(object, origin);
  const std::uint64_t elements = Elements(object, origin);
  if (elements == 0) return;
  switch (edge.kind) {
    case MARROW_EDGE_POINTER:
      return FollowPointers(object, elements, origin);
    case MARROW_EDGE_EMBEDDED:
      return FollowEmbedded(object, elements, origin);
    case MARROW_EDGE_LIST:
      return FollowLists(object, elements, origin);
    case MARROW_EDGE_PERCPU:
      return FollowPercpu(object, elements, origin);
    case MARROW_EDGE_LOOKUP:
      return FollowLookup(object, elements, origin);
    default:
      return;  // ParseGraph lets no other kind through
  }
}

void Walker::FollowPointers(std::uint64_t object, std::uint64_t elements, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  for (std::uint32_t i = 0; i < edge.count && !meter_.stopped(); ++i) {
    const auto word = ledger_.Word(origin, WordAt(object, edge, i));
    const std::uint64_t pointer = PointerIn(word.value_or(0), edge);
    if (!word || pointer == 0) continue;
    if (!QueueRow(Plus(pointer, edge.adjust), elements, origin)) return;
  }
}

void Walker::FollowEmbedded(std::uint64_t object, std::uint64_t elements, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  for (std::uint32_t i = 0; i < edge.count; ++i) {
    if (!QueueRow(WordAt(object, edge, i), elements, origin)) return;
  }
}

void Walker::FollowLists(std::uint64_t object, std::uint64_t elements, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  for (std::uint32_t i = 0; i < edge.count && !meter_.stopped(); ++i) {
    FollowList(WordAt(object, edge, i), elements, origin);
  }
}

// Ends at 0 or the head; the nulls marker of an hlist_nulls has bit 0 set.
void Walker::FollowList(std::uint64_t head, std::uint64_t elements, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  const std::uint64_t limit = edge.limit != 0 ? edge.limit : input_.limits.list_nodes;
  std::uint64_t word_at = head;
  std::uint64_t waiting_at = 0;  // Brent's way to notice a cycle: a node to come back to
  std::uint64_t move_on = 1;
  for (std::uint64_t nodes = 0;; ++nodes) {
    const auto word = ledger_.Word(origin, word_at);
    if (!word) return;
    const std::uint64_t node = PointerIn(*word, edge);
    if (node == 0 || node == head || (*word & 1) != 0) return;
    if (node == waiting_at) {
      ledger_.Complain(origin, node, "the list runs in a circle that its head is not part of");
      return;
    }
    if (nodes == limit) {
      ledger_.Complain(origin, head,
                       "the list has more than " + std::to_string(limit) + " nodes: its limit");
      return;
    }
    if (nodes == move_on) {
      waiting_at = node;
      move_on *= 2;
    }
    if (!QueueRow(Plus(node, edge.adjust), elements, origin)) return;
    word_at = Plus(node, edge.link);
  }
}

std::optional<std::uint64_t> Walker::PercpuOffset(const Origin& origin, std::uint32_t cpu) {
  return ledger_.Word(origin, graph_.header.percpu_offsets + 8 * std::uint64_t{cpu});
}

void Walker::FollowPercpu(std::uint64_t object, std::uint64_t elements, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  for (std::uint32_t i = 0; i < edge.count && !meter_.stopped(); ++i) {
    const auto word = ledger_.Word(origin, WordAt(object, edge, i));
    const std::uint64_t pointer = PointerIn(word.value_or(0), edge);
    if (!word || pointer == 0) continue;
    for (std::uint32_t cpu = 0; cpu < graph_.header.cpu_count && !meter_.stopped(); ++cpu) {
      const auto offset = PercpuOffset(origin, cpu);
      if (offset && !QueueRow(Plus(pointer, edge.adjust) + *offset, elements, origin)) return;
    }
  }
}

void Walker::FollowStacks(std::uint64_t object, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  for (std::uint32_t i = 0; i < edge.count && !ledger_.IsOver(origin); ++i) {
    const auto word = ledger_.Word(origin, WordAt(object, edge, i));
    const std::uint64_t base = PointerIn(word.value_or(0), edge);
    if (!word || base == 0) continue;
    const auto sp = ledger_.Word(origin, Plus(object, edge.link));
    stacks_.Keep(origin, base, sp.value_or(0));
  }
}

void Walker::FollowLookup(std::uint64_t object, std::uint64_t elements, const Origin& origin) {
  const marrow_edge& edge = graph_.edges[origin.edge];
  const auto keys = ledger_.Word(origin, Plus(object, edge.offset));
  const auto entries = ledger_.Word(origin, Plus(object, edge.link));
  if (keys && entries) lookups_.AddTable(origin, *keys, *entries, elements, edge.stride);
}

}  // namespace

WalkReport Walk(const WalkInput& input) { return Walker(input).Run(); }

}  // namespace marrow::graph
