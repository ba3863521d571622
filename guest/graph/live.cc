// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/live.h"

#include <algorithm>

namespace marrow::graph {

void LiveWords::AddStack(std::uint64_t sp, std::uint64_t end) {
  const std::uint64_t begin = (sp + 7) & ~std::uint64_t{7};
  if (begin < sp || begin >= end) return;
  const std::uint64_t last = begin + std::min(end - begin, 8 * kMostStackWords);
  const auto known = std::find_if(stacks_.begin(), stacks_.end(),
                                  [&](const Stack& stack) { return stack.begin == begin; });
  if (known == stacks_.end()) {
    stacks_.push_back({.begin = begin, .end = last});
  } else {
    known->end = std::max(known->end, last);
  }
}

std::vector<std::uint64_t> LiveWords::In(std::uint64_t begin, std::uint64_t bytes) {
  std::vector<std::uint64_t> found;
  const auto take = [&](std::uint64_t word) {
    if (word - begin < bytes) found.push_back(word);
  };
  for (const WalkInput::Vcpu& vcpu : input_.vcpus) {
    if (!meter_.Take(vcpu.registers.size())) return found;
    std::for_each(vcpu.registers.begin(), vcpu.registers.end(), take);
  }
  for (const Stack& stack : stacks_) {
    std::uint64_t at = stack.begin;
    while (at >= stack.begin && at < stack.end) {
      if (!meter_.Take()) return found;
      const auto word = reader_.Word(at);
      if (word) take(*word);
      at = BehindWord(at, word.has_value());
    }
  }
  return found;
}

}  // namespace marrow::graph
