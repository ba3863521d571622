// SPDX-License-Identifier: Apache-2.0
// The profile compiler. Input that begins as BTF does is a kernel's types, under a profile that
// uses every kind of link; other input is a profile, for a kernel that has none of what it names.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "guest/lib/graph_check.h"
#include "guest/profile/btf.h"
#include "guest/profile/compile.h"
#include "tests/fuzz/check.h"

namespace marrow::profile {
namespace {

constexpr std::uint8_t kBtfMagicByte = 0x9f;

constexpr std::string_view kEveryKind =
    "root a object thing elements 3\n"
    "root a xarray thing\n"
    "root a maple thing\n"
    "root a table peer elements 16M\n"
    "root percpu a pointer bytes 8\n"
    "orc\n"
    "type thing\n"
    "  inner.a embedded thing\n"
    "  inner embedded peer.a\n"
    "  pointer pointer\n"
    "  pointer ring\n"
    "  inner list peer.a\n"
    "  pointer chain peer.a\n"
    "  pointer rbtree peer.a\n"
    "  pointer xarray peer\n"
    "  pointer maple peer\n"
    "  pointer percpu peer\n"
    "  peers table peer elements inner.a\n"
    "  peers[2] string 64\n"
    "  pointer kernel-stack pointer\n"
    "  pointer orc pointer inner.a\n"
    "  pointer pointer bytes inner.a zeros\n";

KernelView MakeView() {
  KernelView view;
  view.kallsyms = Kallsyms::Parse(
      "ffffffff81000000 T _stext\nffffffff81000400 T _etext\n"
      "ffffffff81001000 D __per_cpu_offset\nffffffff81002000 D a\n"
      "ffffffff81003000 D orc_lookup\nffffffff81003014 D orc_lookup_end\n"
      "ffffffff81004000 D __start_orc_unwind_ip\nffffffff81004028 D __stop_orc_unwind_ip\n"
      "ffffffff81005000 D __start_orc_unwind\nffffffff8100503c D __stop_orc_unwind\n");
  view.possible_cpus = {0, 1};
  view.release = "6.1.0";
  return view;
}

void CheckCompilation(const Profile& profile, const KernelTypes& types) {
  static const KernelView view = MakeView();
  const Compilation compilation = Compile(profile, view, types);
  const std::string block = compilation.graph.Encode();
  if (block.empty()) return;
  MARROW_FUZZ_CHECK(guest::CheckGraph(block.data(), block.size()).ok());
}

}  // namespace
}  // namespace marrow::profile

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marrow::profile;
  if (size != 0 && data[0] == kBtfMagicByte) {
    const auto bytes = std::as_bytes(std::span(data, size));
    auto types = Btf::Parse(bytes);
    if (!types.ok()) return 0;
    (void)types->AddModule(bytes);
    static const Profile profile = *ParseProfile(kEveryKind, "every-kind");
    CheckCompilation(profile, *types);
    return 0;
  }
  // SAFETY: char may look at any bytes.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto profile = ParseProfile(text, "input");
  if (profile.ok()) CheckCompilation(*profile, NoTypes());
  return 0;
}
