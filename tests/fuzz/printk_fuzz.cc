// SPDX-License-Identifier: Apache-2.0
// A script damages a printk ring; reading it must stay within bounds. One command a line:
//   append TEXT          a record, written as the kernel does
//   store OFFSET VALUE   8 bytes at OFFSET from the start of the ring's memory (both hex)
//   drop OFFSET          the page there is not in the core
//   note KEY=VALUE       a line of VMCOREINFO that goes before the true ones
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/triage/crash_title.h"
#include "server/triage/kernel_log.h"
#include "tests/fakes/fake_printk_ring.h"
#include "tests/fuzz/check.h"

namespace marrow {
namespace {

constexpr std::uint32_t kCountBits = 4;
constexpr std::uint32_t kSizeBits = 9;
// Header, descriptors, infos, data: a page each.
constexpr std::uint64_t kMemoryBytes = 4 * kPageBytes;
constexpr KernelLogLimits kLimits{.records = 64, .text_bytes = 4096};

bool ParseGva(absl::string_view hex, Gva& gva) {
  std::uint64_t offset = 0;
  if (!absl::SimpleHexAtoi(hex, &offset) || offset > kMemoryBytes - 8) return false;
  gva = Gva{Raw(FakePrintkRing::kBase) + offset};
  return true;
}

void Execute(absl::string_view line, FakePrintkRing& ring, std::string& notes) {
  const std::vector<absl::string_view> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
  if (words.size() < 2) return;
  Gva gva{};
  std::uint64_t value = 0;
  if (words[0] == "note") {
    absl::StrAppend(&notes, line.substr(words[0].size() + 1), "\n");
  } else if (words[0] == "drop" && ParseGva(words[1], gva)) {
    ring.DropPage(gva);
  } else if (words[0] == "store" && words.size() == 3 && ParseGva(words[1], gva) &&
             absl::SimpleHexAtoi(words[2], &value)) {
    ring.Store64(gva, value);
  }
}

void Check(const KernelLog& log) {
  MARROW_FUZZ_CHECK(log.records.size() <= kLimits.records);
  std::uint64_t text_bytes = 0;
  for (const LogRecord& record : log.records) text_bytes += record.text.size();
  MARROW_FUZZ_CHECK(text_bytes <= kLimits.text_bytes + (1 << kSizeBits));
  for (const char c : FormatLog(log)) {
    const auto byte = static_cast<unsigned char>(c);
    MARROW_FUZZ_CHECK((byte >= 0x20 && byte != 0x7f) || c == '\n' || c == '\t');
  }
  MARROW_FUZZ_CHECK(CrashTitle(log).size() <= 200);
}

void RunScript(absl::string_view script) {
  FakePrintkRing ring(kCountBits, kSizeBits);
  const std::vector<absl::string_view> lines = absl::StrSplit(script, '\n');
  // The kernel writes first, damage comes after.
  for (absl::string_view line : lines) {
    if (absl::ConsumePrefix(&line, "append ")) ring.Append(1'234'567'890, line);
  }
  std::string notes;
  for (absl::string_view line : lines) Execute(line, ring, notes);
  ring.vmcoreinfo = notes + ring.vmcoreinfo;

  const std::string core = ring.Core();
  const SpanSource source(AsBytes(core));
  const auto reader = CoreReader::Open(source);
  MARROW_FUZZ_CHECK(reader.ok());
  const auto log = ReadKernelLog(*reader, kLimits);
  if (log.ok()) Check(*log);
}

}  // namespace
}  // namespace marrow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // SAFETY: char may alias any object.
  marrow::RunScript({reinterpret_cast<const char*>(data), size});
  return 0;
}
