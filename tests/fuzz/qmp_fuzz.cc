// SPDX-License-Identifier: Apache-2.0
// Any bytes as what QEMU says: a QMP line, and the texts of its human monitor.
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/check.h"
#include "vmm_backend/core/ram_map.h"
#include "vmm_backend/qemu/event_kind.h"
#include "vmm_backend/qemu/flat_view.h"
#include "vmm_backend/qemu/qmp_message.h"
#include "vmm_backend/qemu/vcpu_dump.h"
#include "vmm_backend/sys/proc_maps.h"

namespace marrow {
namespace {

void ReadMessage(absl::string_view line) {
  const auto message = ParseQmpMessage(line);
  if (!message.ok()) return;
  if (const auto* event = std::get_if<QmpEvent>(&*message)) {
    MARROW_FUZZ_CHECK(!event->name.empty());
    (void)ToVmEvent(*event);
  }
  if (const auto* result = std::get_if<QmpReturn>(&*message)) {
    (void)JsonString(result->value);
    (void)JsonMember(result->value, "status");
  }
}

void ReadMonitor(absl::string_view text) {
  if (const auto ranges = ParseFlatView(text); ranges.ok()) {
    MARROW_FUZZ_CHECK(!ranges->empty());
    (void)RamMap::Make(*ranges);
  }
  (void)ParseGpa2Hva(text);
  if (const auto vcpus = ParseInfoRegisters(text); vcpus.ok()) MARROW_FUZZ_CHECK(!vcpus->empty());
  if (const auto maps = ParseProcMaps(text); maps.ok()) {
    for (const ProcessMapping& mapping : *maps) MARROW_FUZZ_CHECK(mapping.begin < mapping.end);
    (void)CutMappings(*maps, 0x1000, 0x2000);
  }
}

}  // namespace
}  // namespace marrow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const marrow::Bytes bytes = std::as_bytes(std::span(data, size));
  marrow::ReadMessage(marrow::AsText(bytes));
  marrow::ReadMonitor(marrow::AsText(bytes));
  (void)marrow::ParseVcpuDump(marrow::SpanSource(bytes));
  return 0;
}
