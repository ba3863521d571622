// SPDX-License-Identifier: Apache-2.0
// What a walk keeps, for which root, under which budget, and what it complains about.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/graph/meter.h"
#include "guest/graph/reader.h"
#include "guest/graph/walk.h"

namespace marrow::graph {

inline constexpr std::uint32_t kNone = ~std::uint32_t{0};

// On whose account something happens, and how to call it.
struct Origin {
  std::uint32_t root = kNone;  // kNone: of no root, but of a vCPU
  std::uint32_t edge = kNone;  // kNone: an object of the root itself
  bool quiet = false;          // what cannot be read is no complaint
};

// One of the graph's roots while it is followed.
struct RootState {
  std::uint64_t queued = 0;  // objects, visited or still to be
  std::uint64_t most_objects = 0;
  std::uint64_t pages_left = 0;
  bool closed = false;  // nothing more is to be done for it
};

class Ledger {
 public:
  Ledger(const WalkInput& input, Reader& reader, Meter& meter);

  // Each of these is false when there is no more to be done for that root.
  bool KeepPage(const Origin& origin, std::uint64_t page);
  bool KeepRange(const Origin& origin, std::uint64_t address, std::uint64_t bytes);
  // Up to the first zero byte and with it, if one lies in the range.
  bool KeepText(const Origin& origin, std::uint64_t address, std::uint64_t most_bytes);
  bool ZeroRange(const Origin& origin, std::uint64_t address, std::uint64_t bytes);
  // The number at `address`; a complaint, and nothing, if it cannot be read.
  std::optional<std::uint64_t> Number(const Origin& origin, std::uint64_t address,
                                      std::uint32_t width);
  std::optional<std::uint64_t> Word(const Origin& origin, std::uint64_t address) {
    return Number(origin, address, 8);
  }

  bool IsOver(const Origin& origin) const {
    return meter_.stopped() || (origin.root != kNone && roots_[origin.root].closed);
  }
  RootState& root(std::uint32_t index) { return roots_[index]; }
  RootReport& report(std::uint32_t index) { return report_.roots[index]; }
  // The first reason stays.
  void Truncate(std::uint32_t root, std::string why);
  void Complain(const Origin& origin, std::uint64_t address, std::string_view why);
  void ComplainOf(std::string what, const Origin& origin, std::uint64_t address,
                  std::string_view why);
  WalkReport Take() { return std::move(report_); }

 private:
  std::uint64_t TextBytes(std::uint64_t address, std::uint64_t most);
  std::string NameOf(const Origin& origin) const;
  void ComplainUnread(const Origin& origin, std::uint64_t address, std::string_view why) {
    if (!origin.quiet) Complain(origin, address, why);
  }
  // False where [address, address + bytes) wraps, with a complaint, or is empty.
  bool IsRange(const Origin& origin, std::uint64_t address, std::uint64_t bytes);

  const WalkInput& input_;
  Reader& reader_;
  Meter& meter_;
  std::vector<RootState> roots_;
  std::vector<std::uint32_t> source_of_edge_;  // a type that has the edge
  WalkReport report_;
};

}  // namespace marrow::graph
