// SPDX-License-Identifier: Apache-2.0
// Kernels that lack something, or say nonsense of themselves: the graph is sound all the same, and
// the report says which lines gave nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "compile_fixture.h"
#include "guest/profile/shipped.h"

namespace marrow::profile {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kEveryLine[] =
    "root thing object thing priority 1\n"
    "type thing\n"
    "  peer pointer if-mapped\n"
    "  peers table peer elements number max 64M\n"
    "  inner embedded\n"
    "  tail embedded peer elements 3\n"
    "  siblings ring\n"
    "  heads list peer.node\n"
    "  hash hlist peer.node\n"
    "  any chain peer.next\n"
    "  tree rbtree peer.rb\n"
    "  cached rbtree peer.rb\n"
    "  xa xarray peer\n"
    "  idr xarray peer\n"
    "  mt maple peer\n"
    "  word percpu peer\n"
    "  stack kernel-stack thread.sp\n"
    "  keys orc entries number\n"
    "  entries string 64K\n"
    "root percpu percpu_thing object peer elements 64M\n"
    "root percpu percpu_thing pointer peer\n"
    "root thing list peer.node count 1M\n"
    "root thing table peer elements 64M\n"
    "live thing orc_lookup object peer\n"
    "live _stext _etext string 256\n"
    "orc\n"
    "text before 64K after 64K\n";

// A kernel and what its compilation must report; "": nothing.
struct Degraded {
  const char* name;
  std::function<void(std::string& symbols, KernelView& view, FakeTypes& types)> change;
  const char* missing;
};

void ReplaceSymbol(std::string& symbols, const std::string& name, const std::string& address) {
  const std::size_t line = symbols.find(" D " + name + "\n") - 16;
  symbols.replace(line, 16, address);
}

void RemoveSymbol(std::string& symbols, const std::string& name) {
  const std::size_t at = symbols.find(name + "\n");
  symbols.replace(at, name.size(), std::string(name.size(), 'x'));
}

void ResizePeer(FakeTypes& types, std::uint64_t bytes) {
  types.Struct("peer", bytes,
               {{"node", StructAt("list_head", 8, 16)},
                {"next", PointerTo("peer", 0x18)},
                {"rb", StructAt("rb_node", 0x18, 24)}});
}

const Degraded kKernels[] = {
    {"whole", [](auto&, auto&, auto&) {}, ""},
    {"one CPU without per-CPU offsets",
     [](auto& symbols, auto&, auto&) { RemoveSymbol(symbols, "__per_cpu_offset"); },
     "p:16: no per-CPU data"},
    {"per-CPU offsets at 0",
     [](auto& symbols, auto&, auto&) {
       ReplaceSymbol(symbols, "__per_cpu_offset", "0000000000000000");
     },
     "p:16: no per-CPU data"},
    {"per-CPU offsets at the end",
     [](auto& symbols, auto&, auto&) {
       ReplaceSymbol(symbols, "__per_cpu_offset", "fffffffffffffff8");
     },
     "p:16: no per-CPU data"},
    {"no CPUs", [](auto&, auto& view, auto&) { view.possible_cpus = {}; }, "p:20: no per-CPU data"},
    {"CPUs with huge numbers only",
     [](auto&, auto& view, auto&) {
       view.possible_cpus = {65536, UINT32_MAX};
     },
     "p:20: no per-CPU data"},
    {"the last CPU", [](auto&, auto& view, auto&) { view.possible_cpus = {65535}; }, ""},
    {"no types", [](auto&, auto&, auto& types) { types = FakeTypes(); },
     "p:2: the kernel's types have no structure thing"},
    {"no thread_union", [](auto&, auto&, auto& types) { types.Struct("thread_union", 0); }, ""},
    {"stacks of no power of two",
     [](auto&, auto&, auto& types) { types.Struct("thread_union", 24576); }, ""},
    {"stacks that are too small",
     [](auto&, auto&, auto& types) { types.Struct("thread_union", 2048); }, ""},
    {"stacks that are too large",
     [](auto&, auto&, auto& types) { types.Struct("thread_union", 1 << 21); }, ""},
    {"no saved stack pointer",
     [](auto&, auto&, auto& types) {
       types.Struct("thing", 16, {{"stack", PointerTo("", 8)}});
     },
     "p:17: thing has no member thread.sp"},
    {"objects of 64 MiB", [](auto&, auto&, auto& types) { ResizePeer(types, 1 << 26); }, ""},
    {"objects that are too large", [](auto&, auto&, auto& types) { ResizePeer(types, UINT64_MAX); },
     "the kernel's types have no structure peer"},
    {"objects of no bytes", [](auto&, auto&, auto& types) { ResizePeer(types, 0); }, ""},
    {"huge nodes",
     [](auto&, auto&, auto& types) {
       types.Struct("xa_node", UINT64_MAX, {{"slots", PointerTo("", 40, UINT32_MAX)}});
     },
     "p:13: "},
    {"huge ORC entries", [](auto&, auto&, auto& types) { types.Struct("orc_entry", UINT64_MAX); },
     "p:26: orc: the tables do not fit"},
    {"ORC entries of no bytes", [](auto&, auto&, auto& types) { types.Struct("orc_entry", 0); },
     "p:26: orc: the tables do not fit"},
    {"ORC tables that end before they begin",
     [](auto& symbols, auto&, auto&) {
       ReplaceSymbol(symbols, "__stop_orc_unwind_ip", "ffffffff81003fff");
     },
     "p:26: orc: __stop_orc_unwind_ip does not lie behind"},
    {"a variable at the end",
     [](auto& symbols, auto&, auto&) { ReplaceSymbol(symbols, "thing", "ffffffffffffffff"); },
     "p:1: thing passes the end of the address space"},
    {"a live range at the end",
     [](auto& symbols, auto&, auto&) {
       ReplaceSymbol(symbols, "thing", "ffffffffffffff00");
       ReplaceSymbol(symbols, "orc_lookup", "fffffffffffffff0");
     },
     "p:24: orc_lookup lies at the end of the address space"},
};

class CompileDegraded : public testing::TestWithParam<std::size_t> {
 protected:
  const Degraded& Kernel() const { return kKernels[GetParam()]; }
  // Of a profile for that kernel; its graph is sound.
  Compilation Compile(const Profile& profile) const {
    std::string symbols = kSymbols;
    KernelView view = MakeView("", nullptr);
    FakeTypes types = MakeTypes();
    Kernel().change(symbols, view, types);
    view.kallsyms = Kallsyms::Parse(symbols);
    const Compilation result = profile::Compile(profile, view, types);
    const std::string block = result.graph.Encode();
    if (!block.empty()) {
      const guest::GraphFault fault = guest::CheckGraph(block.data(), block.size());
      EXPECT_TRUE(fault.ok()) << Kernel().name << ": " << fault.what << " in "
                              << guest::PartName(fault.part) << " " << fault.index;
    }
    return result;
  }
};

TEST_P(CompileDegraded, GivesASoundGraphAndReportsTheRest) {
  const auto profile = ParseProfile(kEveryLine, "p");
  ASSERT_TRUE(profile.ok()) << profile.error();
  const Compilation result = Compile(*profile);
  if (*Kernel().missing == '\0') {
    EXPECT_THAT(result.missing, IsEmpty()) << Kernel().name;
  } else {
    EXPECT_THAT(result.missing, Contains(HasSubstr(Kernel().missing))) << Kernel().name;
  }
}

TEST_P(CompileDegraded, GivesSoundGraphsOfShippedProfiles) {
  for (const std::string_view name : ShippedProfileNames()) {
    const auto profile = ParseProfile("include " + std::string(name), "p");
    ASSERT_TRUE(profile.ok()) << profile.error();
    Compile(*profile);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, CompileDegraded,
                         testing::Range<std::size_t>(0, std::size(kKernels)));

}  // namespace
}  // namespace marrow::profile
