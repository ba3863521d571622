// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/visited.h"

#include <bit>
#include <utility>

namespace marrow::graph {
namespace {

constexpr std::size_t kFirstSlots = 1024;

// The top bits of a product with these odd constants (2^64 over the golden ratio, and a prime).
std::uint64_t Hash(std::uint64_t address, std::uint32_t number) {
  return (address + number * std::uint64_t{0xd6e8feb86659fd93}) * 0x9e3779b97f4a7c15;
}

}  // namespace

std::size_t VisitedSet::Find(std::uint64_t address, std::uint32_t number,
                             std::uint64_t& probes) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = Hash(address, number) >> shift_;
  while (true) {
    const Slot& slot = slots_[at];
    ++probes;
    if (slot.number_plus_one == 0 ||
        (slot.address == address && slot.number_plus_one == number + 1)) {
      return at;
    }
    at = (at + 1) & mask;
  }
}

bool VisitedSet::Contains(std::uint64_t address, std::uint32_t number,
                          std::uint64_t& probes) const {
  return !slots_.empty() && slots_[Find(address, number, probes)].number_plus_one != 0;
}

bool VisitedSet::Insert(std::uint64_t address, std::uint32_t number, std::uint64_t& probes) {
  if (size_ * 4 >= slots_.size() * 3) Grow(probes);
  Slot& slot = slots_[Find(address, number, probes)];
  if (slot.number_plus_one != 0) return false;
  slot = {.address = address, .number_plus_one = number + 1};
  ++size_;
  return true;
}

void VisitedSet::Grow(std::uint64_t& probes) {
  const std::size_t slots = slots_.empty() ? kFirstSlots : 2 * slots_.size();
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
  shift_ = 64 - std::countr_zero(slots);
  for (const Slot& slot : old) {
    if (slot.number_plus_one == 0) continue;
    slots_[Find(slot.address, slot.number_plus_one - 1, probes)] = slot;
  }
}

}  // namespace marrow::graph
