// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/stacks.h"

#include <algorithm>

namespace marrow::graph {
namespace {

constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;
// NMI on an exception's stack, on that of an interrupt, on a task's.
constexpr int kMostStacksOfAVcpu = 4;
constexpr std::uint64_t kUsualStackBytes = 16384;  // x86-64 Linux: THREAD_SIZE without KASAN

}  // namespace

Stacks::Stacks(const WalkInput& input, Reader& reader, Ledger& ledger, Lookups& lookups,
               LiveWords& live, Meter& meter)
    : input_(input),
      reader_(reader),
      ledger_(ledger),
      lookups_(lookups),
      live_(live),
      meter_(meter),
      stack_bytes_(input.graph->header.stack_bytes != 0 ? input.graph->header.stack_bytes
                                                        : kUsualStackBytes) {}

void Stacks::KeepLive() {
  for (const WalkInput::Vcpu& vcpu : input_.vcpus) {
    lookups_.TryAddress(vcpu.ip);
    std::uint64_t sp = vcpu.sp;
    for (int stack = 0; stack < kMostStacksOfAVcpu && sp >= kKernelHalf; ++stack) {
      live_sps_.push_back(sp);
      sp = LeftFor(sp, KeepFrom(sp));
    }
  }
}

// Entry, exception and interrupt stacks end at a hole, sooner than a task's would.
std::uint64_t Stacks::KeepFrom(std::uint64_t sp) {
  const Origin origin;
  const std::uint64_t last = sp | (stack_bytes_ - 1);
  std::uint64_t page = PageDown(sp);
  while (!reader_.Look(page).bytes.empty()) {
    if (!ledger_.KeepPage(origin, page)) break;
    if (page == PageDown(last)) {
      page += kPage;
      break;
    }
    page += kPage;
  }
  // `page` may have wrapped to 0 at the end of the address space: nothing is mapped there.
  lookups_.TryStack(origin, sp, page);
  live_.AddStack(sp, page);
  return page;
}

// Linux leaves the old stack pointer in the last word of an interrupt stack (call_on_stack), the
// processor in the last but one of an exception's, before SS.
std::uint64_t Stacks::LeftFor(std::uint64_t sp, std::uint64_t end) {
  if (end < sp || end - sp < 16) return 0;
  for (const std::uint64_t at : {end - 8, end - 16}) {
    const std::uint64_t word = reader_.Word(at).value_or(0);
    const bool elsewhere = (word ^ sp) >= stack_bytes_;
    if (word < kKernelHalf || word % 8 != 0 || !elsewhere) continue;
    if (meter_.Take() && !reader_.Look(PageDown(word)).bytes.empty()) return word;
  }
  return 0;
}

std::uint64_t Stacks::LiveSpIn(std::uint64_t begin, std::uint64_t end) const {
  const auto found = std::find_if(live_sps_.begin(), live_sps_.end(),
                                  [&](std::uint64_t sp) { return begin <= sp && sp < end; });
  return found == live_sps_.end() ? 0 : *found;
}

void Stacks::Keep(const Origin& origin, std::uint64_t base, std::uint64_t saved_sp) {
  const std::uint64_t end = base + stack_bytes_;
  // Nothing is mapped in the last page; and so no end of what is kept wraps.
  if (end < base || end > PageDown(~std::uint64_t{0})) {
    ledger_.Complain(origin, base, "it passes the end of the address space");
    return;
  }
  const std::uint64_t live_sp = LiveSpIn(base, end);
  const bool idle = live_sp == 0 && !input_.registers_lost;
  const bool saved = idle && base <= saved_sp && saved_sp < end;
  const std::uint64_t from = saved ? PageDown(saved_sp) : base;
  if (saved && from > base && !ledger_.ZeroRange(origin, base, from - base)) return;
  if (!ledger_.KeepRange(origin, from, end - from)) return;
  lookups_.TryStack(origin, saved ? saved_sp : std::max(base, live_sp), end);
  if (live_sp != 0) live_.AddStack(live_sp, end);
}

}  // namespace marrow::graph
