// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/stacks.h"

#include <algorithm>

namespace marrow::graph {
namespace {

constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;
constexpr std::uint64_t kUsualStackBytes = 16384;  // x86-64 Linux: THREAD_SIZE without KASAN

}  // namespace

Stacks::Stacks(const WalkInput& input, Reader& reader, Ledger& ledger, Lookups& lookups,
               LiveWords& live)
    : input_(input),
      reader_(reader),
      ledger_(ledger),
      lookups_(lookups),
      live_(live),
      stack_bytes_(input.graph->header.stack_bytes != 0 ? input.graph->header.stack_bytes
                                                        : kUsualStackBytes) {}

// Entry, exception and interrupt stacks end at a hole, sooner than a task's would.
void Stacks::KeepLive() {
  for (const WalkInput::Vcpu& vcpu : input_.vcpus) {
    const Origin origin;
    lookups_.TryAddress(vcpu.ip);
    if (vcpu.sp < kKernelHalf) continue;
    const std::uint64_t last = vcpu.sp | (stack_bytes_ - 1);
    std::uint64_t page = PageDown(vcpu.sp);
    while (!reader_.Look(page).bytes.empty()) {
      if (!ledger_.KeepPage(origin, page)) break;
      if (page == PageDown(last)) {
        page += kPage;
        break;
      }
      page += kPage;
    }
    // `page` may have wrapped to 0 at the end of the address space: nothing is mapped there.
    lookups_.TryStack(origin, vcpu.sp, page);
    live_.AddStack(vcpu.sp, page);
  }
}

std::uint64_t Stacks::LiveSpIn(std::uint64_t begin, std::uint64_t end) const {
  const auto found =
      std::find_if(input_.vcpus.begin(), input_.vcpus.end(),
                   [&](const WalkInput::Vcpu& vcpu) { return begin <= vcpu.sp && vcpu.sp < end; });
  return found == input_.vcpus.end() ? 0 : found->sp;
}

void Stacks::Keep(const Origin& origin, std::uint64_t base, std::uint64_t saved_sp) {
  const std::uint64_t end = base + stack_bytes_;
  if (end < base) {
    ledger_.Complain(origin, base, "it passes the end of the address space");
    return;
  }
  const std::uint64_t live_sp = LiveSpIn(base, end);
  const bool saved = live_sp == 0 && base <= saved_sp && saved_sp < end;
  const std::uint64_t from = saved ? PageDown(saved_sp) : base;
  if (saved && from > base && !ledger_.ZeroRange(origin, base, from - base)) return;
  if (!ledger_.KeepRange(origin, from, end - from)) return;
  lookups_.TryStack(origin, saved ? saved_sp : std::max(base, live_sp), end);
  if (live_sp != 0) live_.AddStack(live_sp, end);
}

}  // namespace marrow::graph
