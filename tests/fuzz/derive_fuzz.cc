// SPDX-License-Identifier: Apache-2.0
// A small kernel in memory, of which the input forges what it likes, and the table derived from it.
// Input: a byte, odd for a kernel whose VMCOREINFO does not name the symbol tables, with bit 1 for
// a vCPU in the kernel's page tables, and records of a selector byte, an offset (3 bytes) and a
// value byte. Selectors below the number of VMCOREINFO's lines change a character of that line, 255
// sets eight bytes of the kernel's image, all others one.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

#include "guest/profile/profile.h"
#include "tests/fuzz/check.h"
#include "tests/unit/vmm_backend/derive/fake_kernel.h"
#include "vmm_backend/derive/derive.h"

namespace marrow {
namespace {

constexpr std::size_t kRecordBytes = 5;
constexpr std::uint8_t kWordSelector = 255;
constexpr std::size_t kMostLineBytes = 2048;

constexpr std::uint64_t kNotePointer = 0x20700;  // offset in the image

constexpr char kProfile[] =
    "printk-ring class log\n"
    "symbol init_uts_ns\n"
    "pointer first size 64\n"
    "percpu banner size 8\n"
    "type task\n"
    "  next pointer\n"
    "root first pointer task\n";

FakeKernel MakeKernel(bool named) {
  FakeKernel kernel;
  kernel.AddVariables();
  kernel.AddSymbol("__per_cpu_offset", FakeKernel::Gva(0x20600));
  kernel.AddSymbol("vmcoreinfo_note", FakeKernel::Gva(kNotePointer));
  kernel.WriteValue(kNotePointer, FakeKernel::Gva(kNotePointer + 8));
  kernel.WriteValue(kNotePointer + 8, std::uint64_t{0x100'0000'000b});
  kernel.AddBtf(FakeKernel::TaskBtf());
  if (named) {
    kernel.WriteSymbols();
  } else {
    for (std::uint64_t i = 0; i < 1100; ++i) {
      kernel.AddSymbol("s" + std::to_string(i), FakeKernel::Gva(i));
    }
    kernel.WriteSymbolsUnnamed("");
  }
  return kernel;
}

void Forge(FakeKernel& kernel, std::span<const std::uint8_t> record) {
  const std::size_t offset = record[1] | std::size_t{record[2]} << 8 | std::size_t{record[3]} << 16;
  if (record[0] >= kernel.vmcoreinfo.size()) {
    const std::size_t at = offset % (FakeKernel::kImageBytes - sizeof(std::uint64_t));
    // Words near the end of the address space: what is added to them wraps.
    if (record[0] == kWordSelector) {
      kernel.WriteValue(at, ~std::uint64_t{0} - record[4]);
    } else {
      kernel.WriteValue(at, record[4]);
    }
    return;
  }
  std::string& value = std::next(kernel.vmcoreinfo.begin(), record[0])->second;
  value[offset % value.size()] = static_cast<char>(record[4]);
}

void CheckTable(const DerivedTable& derived, const TableLimits& limits) {
  MARROW_FUZZ_CHECK(derived.table.regions.size() <= limits.regions);
  std::uint64_t id = 0;
  for (const RegionEntry& region : derived.table.regions) {
    MARROW_FUZZ_CHECK(region.id == ++id);
    MARROW_FUZZ_CHECK(region.size != 0);
    MARROW_FUZZ_CHECK(CheckedAdd(region.address, region.size).has_value());
    MARROW_FUZZ_CHECK(region.name.size() <= 3 * MARROW_NAME_BYTES);
  }
  for (const auto* lines : {&derived.lost, &derived.missing_lines}) {
    for (const std::string& line : *lines) MARROW_FUZZ_CHECK(line.size() <= kMostLineBytes);
  }
}

}  // namespace
}  // namespace marrow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace marrow;  // NOLINT(google-build-using-namespace)
  static const FakeKernel named = MakeKernel(true), unnamed = MakeKernel(false);
  static const auto profile = profile::ParseProfile(kProfile, "fuzz");
  MARROW_FUZZ_CHECK(profile.ok());
  if (size == 0) return 0;
  FakeKernel kernel = data[0] % 2 == 0 ? named : unnamed;
  for (std::span<const std::uint8_t> rest(data + 1, size - 1); rest.size() >= kRecordBytes;
       rest = rest.subspan(kRecordBytes)) {
    Forge(kernel, rest.first(kRecordBytes));
  }
  std::vector<VcpuState> vcpus(data[0] / 2 % 2);
  for (VcpuState& vcpu : vcpus) vcpu.cr3 = FakeKernel::kImageGpa + FakeKernel::kTopTable;
  DeriveInput input{.read = kernel.reader(),
                    .ram = &kernel.ram(),
                    .vmcoreinfo = kernel.VmcoreinfoText(),
                    .vcpus = &vcpus,
                    .profile = &*profile,
                    .limits = {}};
  input.limits.table.regions = 64;
  input.limits.scan.pages = 16;
  input.limits.symbols.searched_bytes = FakeKernel::kImageBytes / 4;
  const auto derived = DeriveTable(input);
  if (derived.ok()) CheckTable(*derived, input.limits.table);
  return 0;
}
