// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "guest/graph/ledger.h"
#include "guest/graph/live.h"
#include "guest/graph/lookups.h"
#include "guest/graph/meter.h"

namespace marrow::graph {

// Keeps the used parts of kernel stacks, and shows their words to the lookups, and those of stacks
// that vCPUs stand on to the live roots.
class Stacks {
 public:
  Stacks(const WalkInput& input, Reader& reader, Ledger& ledger, Lookups& lookups, LiveWords& live,
         Meter& meter);

  // The stacks that vCPUs stand on, and those that they left for these when they were interrupted.
  void KeepLive();
  // The stack whose lowest address is `base`, of a task whose saved stack pointer is `saved_sp`.
  void Keep(const Origin& origin, std::uint64_t base, std::uint64_t saved_sp);

 private:
  // From the page of `sp` to the stack's end, which is returned: 0 at that of the address space.
  std::uint64_t KeepFrom(std::uint64_t sp);
  // Where the stack pointer was before it went to the stack of `sp` that ends at `end`, or 0.
  std::uint64_t LeftFor(std::uint64_t sp, std::uint64_t end);
  // A live stack pointer that lies in [begin, end), or 0.
  std::uint64_t LiveSpIn(std::uint64_t begin, std::uint64_t end) const;

  const WalkInput& input_;
  Reader& reader_;
  Ledger& ledger_;
  Lookups& lookups_;
  LiveWords& live_;
  Meter& meter_;
  std::uint64_t stack_bytes_;
  std::vector<std::uint64_t> live_sps_;
};

}  // namespace marrow::graph
