// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "guest/graph/meter.h"
#include "guest/graph/reader.h"
#include "guest/graph/walk.h"

namespace marrow::graph {

// What running code may be working with: the registers of the vCPUs, and the words of their stacks.
class LiveWords {
 public:
  // Of one stack; what lies behind them is farther from what runs.
  static constexpr std::uint64_t kMostStackWords = 8192;

  LiveWords(const WalkInput& input, Reader& reader, Meter& meter)
      : input_(input), reader_(reader), meter_(meter) {}

  // The aligned words in [sp, end). One stack for each sp: the longest.
  void AddStack(std::uint64_t sp, std::uint64_t end);
  // Those in [begin, begin + bytes), registers first; some may come twice. Fewer once the meter has
  // stopped.
  std::vector<std::uint64_t> In(std::uint64_t begin, std::uint64_t bytes);

 private:
  struct Stack {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  const WalkInput& input_;
  Reader& reader_;
  Meter& meter_;
  std::vector<Stack> stacks_;
};

}  // namespace marrow::graph
