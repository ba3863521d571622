// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "guest/graph/ledger.h"
#include "guest/graph/live.h"
#include "guest/graph/lookups.h"

namespace marrow::graph {

// Keeps the used parts of kernel stacks, and shows their words to the lookups, and those of stacks
// that vCPUs stand on to the live roots.
class Stacks {
 public:
  Stacks(const WalkInput& input, Reader& reader, Ledger& ledger, Lookups& lookups, LiveWords& live);

  // The stacks that vCPUs stand on.
  void KeepLive();
  // The stack whose lowest address is `base`, of a task whose saved stack pointer is `saved_sp`.
  void Keep(const Origin& origin, std::uint64_t base, std::uint64_t saved_sp);

 private:
  // The stack pointer of a vCPU that lies in [begin, end), or 0.
  std::uint64_t LiveSpIn(std::uint64_t begin, std::uint64_t end) const;

  const WalkInput& input_;
  Reader& reader_;
  Ledger& ledger_;
  Lookups& lookups_;
  LiveWords& live_;
  std::uint64_t stack_bytes_;
};

}  // namespace marrow::graph
