// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/ledger.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace marrow::graph {
namespace {

constexpr std::uint64_t kTextBytesPerStep = 64;

std::string NameText(const char (&name)[MARROW_NAME_BYTES]) {
  return {name, std::find(name, name + MARROW_NAME_BYTES, '\0')};
}

std::string OffsetText(std::int32_t offset) {
  char text[16];
  const std::int64_t value = offset;
  std::snprintf(text, sizeof(text), "%c%#llx", value < 0 ? '-' : '+',
                static_cast<unsigned long long>(value < 0 ? -value : value));
  return text;
}

}  // namespace

Ledger::Ledger(const WalkInput& input, Reader& reader, Meter& meter)
    : input_(input), reader_(reader), meter_(meter) {
  const Graph& graph = *input.graph;
  for (const marrow_root& root : graph.roots) {
    const std::uint64_t bytes = root.max_bytes != 0 ? root.max_bytes : input.limits.root_bytes;
    roots_.push_back(
        {.most_objects = root.max_objects != 0 ? root.max_objects : input.limits.root_objects,
         .pages_left = bytes / kPage});
    report_.roots.emplace_back().name = NameText(root.name);
  }
  source_of_edge_.assign(graph.edges.size(), kNone);
  // Types may share edges; no type is looked at for more edges than there are.
  std::uint64_t left = 2 * graph.edges.size() + graph.types.size();
  for (std::uint32_t type = 0; type < graph.types.size(); ++type) {
    for (std::uint32_t i = 0; i < graph.types[type].edge_count && left != 0; ++i, --left) {
      std::uint32_t& source = source_of_edge_[graph.types[type].first_edge + i];
      if (source == kNone) source = type;
    }
  }
}

std::string Ledger::NameOf(const Origin& origin) const {
  const Graph& graph = *input_.graph;
  if (origin.edge == kNone) {
    return origin.root == kNone ? "vCPU"
                                : NameText(graph.types[graph.roots[origin.root].type].name);
  }
  const marrow_edge& edge = graph.edges[origin.edge];
  const std::uint32_t source = source_of_edge_[origin.edge];
  const std::string target = edge.kind == MARROW_EDGE_STACK ? "stack"
                             : edge.kind == MARROW_EDGE_LOOKUP
                                 ? "lookup table"
                                 : NameText(graph.types[edge.target].name);
  return (source == kNone ? "?" : NameText(graph.types[source].name)) + OffsetText(edge.offset) +
         " -> " + target;
}

void Ledger::Truncate(std::uint32_t root, std::string why) {
  if (root != kNone && report_.roots[root].truncated.empty()) {
    report_.roots[root].truncated = std::move(why);
  }
}

void Ledger::Complain(const Origin& origin, std::uint64_t address, std::string_view why) {
  if (report_.complaints.size() < input_.limits.complaints) {
    ComplainOf(NameOf(origin), origin, address, why);
  } else {
    ++report_.complaints_not_told;
  }
}

void Ledger::ComplainOf(std::string what, const Origin& origin, std::uint64_t address,
                        std::string_view why) {
  if (report_.complaints.size() >= input_.limits.complaints) {
    ++report_.complaints_not_told;
    return;
  }
  report_.complaints.push_back({.root = origin.root == kNone ? "" : report_.roots[origin.root].name,
                                .what = std::move(what),
                                .address = address,
                                .why = std::string(why)});
}

bool Ledger::KeepPage(const Origin& origin, std::uint64_t page) {
  if (!meter_.Take()) return false;
  if (reader_.IsKnownKept(page)) return true;
  RootState* root = origin.root == kNone ? nullptr : &roots_[origin.root];
  if (root != nullptr && root->pages_left == 0) {
    const std::uint64_t own = input_.graph->roots[origin.root].max_bytes;
    Truncate(origin.root, "over its limit of " +
                              std::to_string(own != 0 ? own : input_.limits.root_bytes) + " bytes");
    root->closed = true;
    return false;
  }
  switch (reader_.Keep(page)) {
    case Space::Kept::kNew:
      if (root != nullptr) {
        --root->pages_left;
        ++report_.roots[origin.root].pages;
      }
      return true;
    case Space::Kept::kAlready:
      return true;
    case Space::Kept::kNo:
      break;
  }
  const PageView& view = reader_.Look(page);
  if (!view.bytes.empty()) {
    meter_.Stop("over the limit of bytes for a whole capture");
    return false;
  }
  ComplainUnread(origin, page, view.why);
  return true;
}

bool Ledger::IsRange(const Origin& origin, std::uint64_t address, std::uint64_t bytes) {
  if (bytes == 0) return false;
  if (address + (bytes - 1) >= address) return true;
  ComplainUnread(origin, address, "it passes the end of the address space");
  return false;
}

bool Ledger::KeepRange(const Origin& origin, std::uint64_t address, std::uint64_t bytes) {
  if (!IsRange(origin, address, bytes)) return !IsOver(origin);
  const std::uint64_t last = PageDown(address + (bytes - 1));
  for (std::uint64_t page = PageDown(address);; page += kPage) {
    if (!KeepPage(origin, page)) return false;
    if (page == last) return true;
  }
}

// Up to what cannot be read, if there is no zero byte before.
std::uint64_t Ledger::TextBytes(std::uint64_t address, std::uint64_t most) {
  std::uint64_t done = 0;
  while (done < most) {
    const std::uint64_t at = (address + done) % kPage;
    const PageView& view = reader_.Look(PageDown(address + done));
    const std::uint64_t count = std::min(most - done, kPage - at);
    if (view.bytes.empty() || !meter_.Take(1 + count / kTextBytesPerStep)) return done + 1;
    const void* zero = std::memchr(view.bytes.data() + at, 0, count);
    if (zero != nullptr) {
      const auto found = static_cast<const std::byte*>(zero) - view.bytes.data();
      return done + static_cast<std::uint64_t>(found) - at + 1;
    }
    done += count;
  }
  return most;
}

bool Ledger::KeepText(const Origin& origin, std::uint64_t address, std::uint64_t most_bytes) {
  return KeepRange(origin, address, TextBytes(address, most_bytes));
}

bool Ledger::ZeroRange(const Origin& origin, std::uint64_t address, std::uint64_t bytes) {
  if (!IsRange(origin, address, bytes)) return !IsOver(origin);
  const std::uint64_t last = PageDown(address + (bytes - 1));
  for (std::uint64_t page = PageDown(address);; page += kPage) {
    if (!meter_.Take()) return false;
    input_.space->KeepAsZeros(page);
    if (page == last) return true;
  }
}

std::optional<std::uint64_t> Ledger::Number(const Origin& origin, std::uint64_t address,
                                            std::uint32_t width) {
  if (!meter_.Take()) return std::nullopt;
  const auto number = reader_.Number(address, width);
  if (!number) ComplainUnread(origin, address, reader_.why());
  return number;
}

}  // namespace marrow::graph
