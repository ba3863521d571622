// SPDX-License-Identifier: Apache-2.0
// Follows a graph through a guest's memory: guest/README.md, "Graph". The host runs this over a
// dead and hostile guest, the agent over the living kernel to tell what a profile costs. Pure, no
// Abseil.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "guest/graph/graph.h"

namespace marrow::graph {

// What came of asking for a page.
struct PageView {
  std::span<const std::byte> bytes =
      {};  // the page's 4096 bytes, valid as long as the space; empty: cannot be had
  std::string_view why = {};  // then: why not; a static text
};

// The guest's memory by gva, and what is kept of it. Pages have 4096 bytes.
class Space {
 public:
  enum class Kept { kNew, kAlready, kNo };  // kNo: Look says why, or the budget is spent

  virtual ~Space() = default;
  // The page at `page` (a multiple of 4096), to be looked at. Called often: it should remember.
  virtual PageView Look(std::uint64_t page) = 0;
  // The page is to be in the dump.
  virtual Kept Keep(std::uint64_t page) = 0;
  // The page is not worth its bytes, but debuggers must be able to read something there: the unused
  // part of a stack. It reads as zeros unless it is kept as well.
  virtual void KeepAsZeros(std::uint64_t page) = 0;
};

struct WalkLimits {
  std::uint64_t objects = 4'000'000;       // of all roots
  std::uint64_t root_objects = 1'000'000;  // of one root that sets no limit of its own
  std::uint64_t root_bytes = std::uint64_t{64} << 20;
  std::uint64_t list_nodes = 100'000;  // of one list that sets no limit of its own
  std::uint64_t elements = 1'000'000;  // in a row
  std::size_t complaints = 128;        // told one by one; further ones are counted
};

struct WalkInput {
  const Graph* graph = nullptr;
  Space* space = nullptr;
  // Of each vCPU, as far as known: where it executes, its stack pointer, and its general-purpose
  // registers in any order. 0: not known.
  struct Vcpu {
    std::uint64_t ip = 0;
    std::uint64_t sp = 0;
    std::array<std::uint64_t, 16> registers = {};
  };
  std::vector<Vcpu> vcpus = {};
  // The vCPUs died with their registers: any stack may be in use below the pointer saved for it.
  bool registers_lost = false;
  std::uint32_t excluded_classes =
      0;  // bit n: objects of region class n are neither kept nor followed
  WalkLimits limits = {};
  // Asked every few thousand steps; true ends the walk where it is. Empty: never.
  std::function<bool()> out_of_time = {};
};

// Something that the graph names and that could not be kept.
struct Complaint {
  std::string root;  // name of the root it was reached from
  std::string what;  // "task_struct.mm", or a type's name
  std::uint64_t address = 0;
  std::string why;
};

struct RootReport {
  std::string name;
  std::uint64_t objects = 0;
  std::uint64_t pages = 0;  // that were not kept before
  std::string truncated;    // why it was not followed to its end, or ""
};

struct WalkReport {
  std::vector<RootReport> roots;  // in the graph's order
  std::vector<Complaint> complaints;
  std::uint64_t complaints_not_told = 0;
};

// Breadth first, roots of a lower priority number to their end before the next. Each object is
// visited once for each type. Work and memory are bounded by the limits whatever the memory holds.
WalkReport Walk(const WalkInput& input);

}  // namespace marrow::graph
