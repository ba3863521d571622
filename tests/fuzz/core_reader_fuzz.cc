// SPDX-License-Identifier: Apache-2.0
// Any bytes as a core: whatever opens keeps what the header of CoreReader promises, and the edges
// of each segment can be asked for.
#include <algorithm>
#include <array>
#include <cstdint>

#include "server/triage/kernel_log.h"
#include "tests/fuzz/check.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {
namespace {

constexpr std::size_t kMaxSegments = 64;

void ReadEdges(const CoreReader& core, const CoreSegment& segment) {
  std::array<std::byte, 16> buffer{};
  for (const std::uint64_t edge : {std::uint64_t{0}, segment.file_bytes, segment.memory_bytes}) {
    for (const std::uint64_t before : {8u, 16u, 0u}) {
      const std::uint64_t offset = edge - before;
      (void)core.ReadPhysical(Gpa{Raw(segment.paddr) + offset}, buffer);
      (void)core.ReadVirtual(Gva{Raw(segment.vaddr) + offset}, buffer);
    }
  }
}

void ReadAll(Bytes bytes) {
  const SpanSource source(bytes);
  const auto core = CoreReader::Open(source, {.segments = kMaxSegments, .note_bytes = 1 << 16});
  if (!core.ok()) {
    MARROW_FUZZ_CHECK(!core.status().message().empty());
    return;
  }
  MARROW_FUZZ_CHECK(core->segments().size() <= kMaxSegments);
  for (const CoreSegment& segment : core->segments()) {
    MARROW_FUZZ_CHECK(segment.file_offset <= bytes.size());
    MARROW_FUZZ_CHECK(segment.file_bytes <= bytes.size() - segment.file_offset);
    MARROW_FUZZ_CHECK(segment.file_bytes <= segment.memory_bytes);
    ReadEdges(*core, segment);
  }
  (void)ReadKernelLog(*core, {.records = 64, .text_bytes = 4096});
}

}  // namespace
}  // namespace marrow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  marrow::ReadAll(std::as_bytes(std::span(data, size)));
  return 0;
}
