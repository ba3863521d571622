// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace marrow::graph {

// Pairs of an address and a number, in one flat array. Memory is at most 32 bytes for each pair.
class VisitedSet {
 public:
  // True if the pair was not there. Adds to `probes` the slots looked at: whoever knows the hash
  // can choose addresses that collide, so the caller has to bound them.
  bool Insert(std::uint64_t address, std::uint32_t number, std::uint64_t& probes);
  bool Contains(std::uint64_t address, std::uint32_t number, std::uint64_t& probes) const;
  std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t address = 0;
    std::uint32_t number_plus_one = 0;  // 0: free
  };
  // The slot that holds the pair, or the free one that it belongs in.
  std::size_t Find(std::uint64_t address, std::uint32_t number, std::uint64_t& probes) const;
  void Grow(std::uint64_t& probes);

  std::vector<Slot> slots_;  // a power of two
  std::size_t size_ = 0;
  int shift_ = 0;  // 64 - log2(slots)
};

}  // namespace marrow::graph
