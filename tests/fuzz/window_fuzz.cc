// SPDX-License-Identifier: Apache-2.0
// Any bytes as a window, then the plan and the core that follow from it. The first input byte
// chooses what is made right before the host looks (random bytes would never pass the checksum).
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/fuzz/check.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/core/guest_text.h"
#include "vmm_backend/core/plan.h"
#include "vmm_backend/core/window.h"
#include "vmm_backend/elfcore/core_reader.h"
#include "vmm_backend/elfcore/core_writer.h"

namespace marrow {
namespace {

constexpr std::size_t kWindowBytes = 4096;
constexpr std::uint8_t kKeepHeader = 1;  // magic, version and sequence stay as they came
constexpr std::uint8_t kKeepChecksum = 2;
constexpr TableLimits kTableLimits{.regions = 32, .rejected = 4};
constexpr CaptureLimits kCaptureLimits{.region_bytes = 64 * kPageBytes,
                                       .capture_bytes = 128 * kPageBytes,
                                       .missing = 16,
                                       .walk_objects = 1000};

// The window's own bytes serve as every page, tables too.
class WindowPages final : public PageSource {
 public:
  explicit WindowPages(Bytes bytes) : bytes_(bytes) {}
  absl::StatusOr<Bytes> Page(Gpa) override {
    ++reads_;
    return bytes_;
  }
  std::uint64_t reads() const { return reads_; }

 private:
  Bytes bytes_;
  std::uint64_t reads_ = 0;
};

void MendHeader(MutableBytes window) {
  auto header = LoadAt<marrow_window_header>(window, 0);
  header.guest.magic = MARROW_GUEST_MAGIC;
  header.guest.version_major = MARROW_VERSION_MAJOR;
  header.guest.header_bytes = MARROW_HEADER_BYTES;
  header.table.sequence &= ~1u;
  header.table.generation |= 1;
  StoreAt(window, 0, header);
}

void MendChecksum(MutableBytes window) {
  auto header = LoadAt<marrow_window_header>(window, 0);
  marrow_table_control& table = header.table;
  const std::uint64_t entries = std::uint64_t{table.region_count} * sizeof(marrow_region);
  if (table.table_offset > kWindowBytes || entries > kWindowBytes - table.table_offset) return;
  if (table.graph_offset > kWindowBytes || table.graph_bytes > kWindowBytes - table.graph_offset) {
    return;
  }
  std::uint32_t crc = Crc32c(std::as_bytes(std::span(&header.facts, 1)));
  crc = Crc32c(window.subspan(table.table_offset, entries), crc);
  table.crc32c = Crc32c(window.subspan(table.graph_offset, table.graph_bytes), crc);
  StoreAt(window, 0, header);
}

void CheckTable(const RegionTable& table) {
  MARROW_FUZZ_CHECK(table.regions.size() <= kTableLimits.regions);
  MARROW_FUZZ_CHECK(table.rejected.size() <= kTableLimits.rejected);
  for (const RegionEntry& region : table.regions) {
    MARROW_FUZZ_CHECK(region.id != 0 && region.size != 0);
    MARROW_FUZZ_CHECK(CheckedAdd(region.address, region.size).has_value());
    MARROW_FUZZ_CHECK(GuestText(region.name) == region.name);
  }
}

void CheckCore(CapturePlan plan, std::uint64_t direct_map) {
  const auto layout = LayOutCore({.direct_map = direct_map,
                                  .pages = std::move(plan.pages),
                                  .zero_pages = plan.zero_pages,
                                  .aliases = plan.aliases});
  MARROW_FUZZ_CHECK(layout.ok());
  StringSink sink;
  const std::string page(kPageBytes, 'p');
  MARROW_FUZZ_CHECK(WriteCore(
                        *layout, [&](std::size_t) { return AsBytes(page); }, sink)
                        .ok());
  MARROW_FUZZ_CHECK(sink.text.size() == layout->file_bytes);
  const SpanSource source(AsBytes(sink.text));
  const auto core = CoreReader::Open(source);
  MARROW_FUZZ_CHECK(core.ok());
  MARROW_FUZZ_CHECK(core->segments().size() == layout->segments.size());
}

void PlanAndWrite(const RegionTable& table, Bytes window) {
  const RamMap ram = *RamMap::Make({{Gpa{0}, 1 << 20}, {Gpa{1ull << 32}, 1 << 20}});
  WindowPages pages(window);
  std::vector<VcpuState> vcpus(2);
  vcpus[0].registers.rsp = table.facts.vmalloc_base;
  CapturePlan plan = PlanCapture({.table = &table,
                                  .vcpus = &vcpus,
                                  .ram = &ram,
                                  .memory = &pages,
                                  .excluded = ClassSet(1u << MARROW_CLASS_SECRET),
                                  .limits = kCaptureLimits});
  MARROW_FUZZ_CHECK(plan.pages.size() * kPageBytes <= kCaptureLimits.capture_bytes);
  MARROW_FUZZ_CHECK(plan.missing.size() <= kCaptureLimits.missing);
  if (!table.graph) {
    MARROW_FUZZ_CHECK(pages.reads() <= 5 * 4 * kCaptureLimits.capture_bytes / kPageBytes);
  }
  for (const Gpa page : plan.pages) MARROW_FUZZ_CHECK(ram.Contains(page, kPageBytes));
  CheckCore(std::move(plan), PageDown(table.facts.direct_map));
}

void Read(Bytes input) {
  if (input.empty()) return;
  const auto keep = static_cast<std::uint8_t>(input[0]);
  input = input.subspan(1);
  std::string window(kWindowBytes, '\0');
  const absl::string_view given = AsText(input.first(std::min(input.size(), kWindowBytes)));
  window.replace(0, given.size(), given.data(), given.size());
  const auto bytes = std::as_writable_bytes(std::span(window));
  if ((keep & kKeepHeader) == 0) MendHeader(bytes);
  if ((keep & kKeepChecksum) == 0) MendChecksum(bytes);
  (void)ReadGuestStatus(SpanSource(bytes));
  const auto table = ReadRegionTable(SpanSource(bytes), kTableLimits);
  if (!table.ok()) return;
  CheckTable(*table);
  PlanAndWrite(*table, bytes);
}

}  // namespace
}  // namespace marrow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  marrow::Read(std::as_bytes(std::span(data, size)));
  return 0;
}
