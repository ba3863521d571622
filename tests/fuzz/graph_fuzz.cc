// SPDX-License-Identifier: Apache-2.0
// Any graph over any memory: the walk ends, within its budgets, and takes nothing but RAM, and none
// of it that is excluded.
//
// The input: a byte of options (its upper half places the secret regions), four counts (types,
// edges, roots, lookups), their entries of 64 bytes, then memory in words of 16 bits. A word with
// its top bit set stands for a pointer, so that a small input links a lot; the words are repeated
// to the end of the memory.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/check.h"
#include "vmm_backend/core/plan.h"
#include "vmm_backend/elfcore/core_writer.h"

namespace marrow {
namespace {

constexpr std::uint8_t kKeepEntries = 1;  // indices and kinds stay as they came
constexpr std::uint8_t kOwnTables = 2;    // memory covers the page tables as well
constexpr std::uint8_t kFiveLevels = 4;
constexpr std::uint8_t kExcludeSecret = 8;

constexpr std::uint64_t kRamPages = 40;
constexpr std::uint64_t kTablePages = 5;  // the last of them: top table first
constexpr std::uint64_t kFirstTable = (kRamPages - kTablePages) * kPageBytes;
constexpr std::uint64_t kMapped = 0xffff'8880'0000'0000;
constexpr CaptureLimits kLimits{.region_bytes = 8 * kPageBytes,
                                .capture_bytes = 24 * kPageBytes,
                                .missing = 16,
                                .walk_objects = 100};

class Ram final : public PageSource {
 public:
  Ram() : bytes_(kRamPages * kPageBytes, '\0') {}
  MutableBytes bytes() { return std::as_writable_bytes(std::span(bytes_)); }
  std::uint64_t reads() const { return reads_; }
  absl::StatusOr<Bytes> Page(Gpa page) override {
    ++reads_;
    if (Raw(page) % kPageBytes != 0 || Raw(page) >= bytes_.size()) {
      return absl::OutOfRangeError("not RAM");
    }
    return AsBytes(bytes_).subspan(Raw(page), kPageBytes);
  }

 private:
  std::string bytes_;
  std::uint64_t reads_ = 0;
};

// All RAM at kMapped, by 4 or 5 levels.
void BuildTables(Ram& ram, int levels) {
  std::uint64_t table = kFirstTable;
  for (int level = levels; level > 1; --level) {
    const std::uint64_t index = (kMapped >> (12 + 9 * (level - 1))) & 511;
    StoreAt(ram.bytes(), table + 8 * index, (table + kPageBytes) | 3);
    table += kPageBytes;
  }
  for (std::uint64_t page = 0; page < kRamPages; ++page) {
    StoreAt(ram.bytes(), table + 8 * page, (page * kPageBytes) | 3);
  }
}

void FillMemory(Ram& ram, Bytes words, std::uint64_t bytes) {
  if (words.size() < 2) return;
  for (std::uint64_t at = 0, from = 0; at < bytes; at += 8, from += 2) {
    if (from + 2 > words.size()) from = 0;
    const auto word = LoadAt<std::uint16_t>(words, from);
    const bool pointer = (word & 0x8000) != 0;
    const std::uint64_t offset = (word & 0x7fffu) * 4;
    StoreAt(ram.bytes(), at, pointer ? kMapped + offset : std::uint64_t{word});
  }
}

// What random bytes would hardly ever get right.
void MendType(marrow_type& type, std::uint32_t edges) {
  type.bytes %= 3 * kPageBytes;
  type.stride = 1 + type.stride % 8192;
  type.first_edge = edges == 0 ? 0 : type.first_edge % edges;
  type.edge_count = edges == 0 ? 0 : type.edge_count % (edges - type.first_edge + 1);
  type.region_class %= MARROW_CLASS_SECRET + 1;
}

void MendEdge(marrow_edge& edge, std::uint32_t types) {
  edge.kind = static_cast<std::uint16_t>(1 + edge.kind % MARROW_EDGE_LOOKUP);
  edge.target %= std::max(types, 1u);
  edge.offset %= 8192;
  edge.count = 1 + (edge.count & 0xff);
  edge.stride = 1 + edge.stride % 4096;
  edge.tag_value &= edge.tag_mask;
  edge.elements = 1 + (edge.elements & 0xff);
  edge.elements_width = 1u << (edge.elements_width % 4);
}

void MendRoot(marrow_root& root, std::uint32_t types) {
  root.address = kMapped + root.address % (kRamPages * kPageBytes);
  root.type %= std::max(types, 1u);
  root.kind = static_cast<std::uint16_t>(1 + root.kind % MARROW_ROOT_LIVE);
  root.elements = 1 + root.elements % 100;
}

void MendLookup(marrow_lookup& lookup) {
  lookup.text_begin = kMapped;
  lookup.text_end = kMapped + (1 << 20);
  lookup.index = kMapped + lookup.index % (kRamPages * kPageBytes);
  lookup.keys = kMapped + lookup.keys % (kRamPages * kPageBytes);
  lookup.entries = kMapped + lookup.entries % (kRamPages * kPageBytes);
  lookup.index_count = 2 + lookup.index_count % 4096;
  lookup.block_bytes = 1 + lookup.block_bytes % 4096;
  lookup.entry_bytes = 1 + lookup.entry_bytes % 16;
  lookup.entry_count = 1 + lookup.entry_count % 65536;
}

template <typename Entry, typename Mend>
void MendTable(std::string& block, std::size_t& at, std::uint32_t count, Mend mend) {
  const auto bytes = std::as_writable_bytes(std::span(block));
  for (std::uint32_t i = 0; i < count; ++i, at += sizeof(Entry)) {
    auto entry = LoadAt<Entry>(bytes, at);
    mend(entry);
    StoreAt(bytes, at, entry);
  }
}

// Takes counts and entries off the front of the input.
std::string MakeBlock(Bytes& input, std::uint8_t options) {
  if (input.size() < 4) return "";
  marrow_graph_header header{};
  header.header_bytes = sizeof(header);
  header.type_count = static_cast<std::uint32_t>(input[0]) % 16;
  header.edge_count = static_cast<std::uint32_t>(input[1]) % 32;
  header.root_count = static_cast<std::uint32_t>(input[2]) % 8;
  header.lookup_count = static_cast<std::uint32_t>(input[3]) % 4;
  header.cpu_count = 4;
  header.percpu_offsets = kMapped + 64;
  header.stack_bytes = 8192;
  header.text_before = 16;
  header.text_after = 64;
  input = input.subspan(4);
  const std::size_t entries =
      64 * (header.type_count + header.edge_count + header.root_count + header.lookup_count);
  std::string block(AsText(std::as_bytes(std::span(&header, 1))));
  const absl::string_view given = AsText(input.first(std::min(entries, input.size())));
  block.append(given.data(), given.size());
  block.resize(sizeof(header) + entries, '\0');
  input = input.subspan(given.size());
  if ((options & kKeepEntries) != 0) return block;
  std::size_t at = sizeof(header);
  MendTable<marrow_type>(block, at, header.type_count,
                         [&](marrow_type& type) { MendType(type, header.edge_count); });
  MendTable<marrow_edge>(block, at, header.edge_count,
                         [&](marrow_edge& edge) { MendEdge(edge, header.type_count); });
  MendTable<marrow_root>(block, at, header.root_count,
                         [&](marrow_root& root) { MendRoot(root, header.type_count); });
  MendTable<marrow_lookup>(block, at, header.lookup_count, MendLookup);
  return block;
}

// Secrets, the first by gpa and two pages long, the other by gva and across a page's end.
std::vector<RegionEntry> SecretRegions(std::uint8_t options) {
  const std::uint64_t page = 2 * (options >> 4) * kPageBytes;
  return {{.id = 1,
           .address_kind = AddressKind::kGpa,
           .address = page + 8,
           .size = kPageBytes,
           .region_class = MARROW_CLASS_SECRET},
          {.id = 2,
           .address_kind = AddressKind::kGva,
           .address = kMapped + page + 5 * kPageBytes - 1,
           .size = 2,
           .region_class = MARROW_CLASS_SECRET}};
}

// Their pages; nothing if some cannot be told.
std::optional<std::vector<Gpa>> PagesOf(const std::vector<RegionEntry>& secrets, Ram& ram,
                                        PageTableRoot root) {
  const std::uint64_t by_gpa = PageDown(secrets[0].address);
  std::vector<Gpa> pages = {Gpa{by_gpa}, Gpa{by_gpa + kPageBytes}};
  for (const std::uint64_t gva : {secrets[1].address, secrets[1].address + 1}) {
    const auto found = Translate(PageWords(ram), root, Gva{gva});
    if (found.ok()) {
      pages.push_back(PageOf(found->gpa));
    } else if (!absl::IsNotFound(found.status())) {
      return std::nullopt;
    }
  }
  return pages;
}

void CheckSecrets(const CapturePlan& plan, const std::optional<std::vector<Gpa>>& secrets) {
  if (!secrets) MARROW_FUZZ_CHECK(plan.graph_roots.empty());
  for (const Gpa page : secrets.value_or(std::vector<Gpa>{})) {
    MARROW_FUZZ_CHECK(!std::binary_search(plan.pages.begin(), plan.pages.end(), page));
    MARROW_FUZZ_CHECK(!std::binary_search(plan.zero_pages.begin(), plan.zero_pages.end(), page));
  }
}

void CheckRoots(const CapturePlan& plan, const graph::Graph& graph, ClassSet excluded) {
  MARROW_FUZZ_CHECK(plan.graph_roots.size() == graph.roots.size());
  std::uint64_t objects = 0;
  std::uint64_t pages = 0;
  for (std::size_t i = 0; i < graph.roots.size(); ++i) {
    const graph::RootReport& report = plan.graph_roots[i];
    const marrow_root& root = graph.roots[i];
    MARROW_FUZZ_CHECK(root.max_objects == 0 || report.objects <= root.max_objects);
    MARROW_FUZZ_CHECK(root.max_bytes == 0 || report.pages <= root.max_bytes / kPageBytes);
    const bool is_secret = excluded.test(graph.types[root.type].region_class);
    MARROW_FUZZ_CHECK(!is_secret || report.objects == 0);
    objects += report.objects;
    pages += report.pages;
  }
  MARROW_FUZZ_CHECK(objects <= kLimits.walk_objects);
  MARROW_FUZZ_CHECK(pages <= plan.pages.size());
}

void CheckPages(const CapturePlan& plan, const RamMap& ram) {
  MARROW_FUZZ_CHECK(plan.pages.size() * kPageBytes <= kLimits.capture_bytes);
  MARROW_FUZZ_CHECK(plan.zero_pages.size() * kPageBytes <= kLimits.capture_bytes);
  MARROW_FUZZ_CHECK(plan.missing.size() <= kLimits.missing);
  for (const auto* pages : {&plan.pages, &plan.zero_pages}) {
    for (const Gpa page : *pages) MARROW_FUZZ_CHECK(ram.Contains(page, kPageBytes));
  }
  // Refuses pages that are unsorted, repeated, or in both lists.
  constexpr std::uint64_t kMostSegments = 32;
  const auto layout = LayOutCore({.direct_map = kMapped,
                                  .pages = plan.pages,
                                  .zero_pages = plan.zero_pages,
                                  .aliases = plan.aliases,
                                  .most_segments = kMostSegments});
  MARROW_FUZZ_CHECK(layout.ok());
  const std::uint64_t most_runs = plan.pages.size() + plan.zero_pages.size();
  MARROW_FUZZ_CHECK(layout->segment_count <= std::max(kMostSegments, most_runs + 1));
}

void Walk(Bytes input) {
  if (input.empty()) return;
  const auto options = static_cast<std::uint8_t>(input[0]);
  input = input.subspan(1);
  const std::string block = MakeBlock(input, options);
  auto graph = graph::ParseGraph(AsBytes(block));
  if (!graph.ok()) return;

  Ram ram;
  const int levels = (options & kFiveLevels) != 0 ? 5 : 4;
  BuildTables(ram, levels);
  FillMemory(ram, input, (options & kOwnTables) != 0 ? kRamPages * kPageBytes : kFirstTable);
  RegionTable table;
  table.facts.page_table_root = kFirstTable;
  table.facts.page_table_levels = static_cast<std::uint8_t>(levels);
  table.graph = *graph;
  const RamMap map = *RamMap::Make({{Gpa{0}, kRamPages * kPageBytes}});
  std::vector<VcpuState> vcpus(1);
  vcpus[0].registers.rip = kMapped + 0x123;
  vcpus[0].registers.rsp = kMapped + 0x2010;
  const ClassSet excluded((options & kExcludeSecret) != 0 ? 1u << MARROW_CLASS_SECRET : 0);
  std::optional<std::vector<Gpa>> secrets = std::vector<Gpa>{};
  if (excluded.any()) {
    table.regions = SecretRegions(options);
    secrets = PagesOf(table.regions, ram, {.table = Gpa{kFirstTable}, .levels = levels});
  }
  const CapturePlan plan = PlanCapture({.table = &table,
                                        .vcpus = &vcpus,
                                        .ram = &map,
                                        .memory = &ram,
                                        .excluded = excluded,
                                        .limits = kLimits});
  CheckPages(plan, map);
  CheckSecrets(plan, secrets);
  if (secrets) CheckRoots(plan, *graph, excluded);
  // Steps: 64 for each object and 64 Ki. One looks a page up at most, two tables' walks and itself.
  MARROW_FUZZ_CHECK(ram.reads() <= 12 * ((1 << 16) + 64 * kLimits.walk_objects + 4096));
}

}  // namespace
}  // namespace marrow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  marrow::Walk(std::as_bytes(std::span(data, size)));
  return 0;
}
