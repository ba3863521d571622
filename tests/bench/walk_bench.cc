// SPDX-License-Identifier: Apache-2.0
// Objects that a walk visits in a second, through guest page tables, with memory read by pread from
// a memfd: what a capture does while the guest stands still.
#include <benchmark/benchmark.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <vector>

#include "tests/unit/guest/graph/graph_builder.h"
#include "vmm_backend/capture/page_reader.h"
#include "vmm_backend/core/plan.h"

namespace marrow {
namespace {

constexpr std::uint64_t kRamBytes = 512 << 20;
constexpr std::uint64_t kTables = kRamBytes - (2 << 20);  // the top table
constexpr std::uint64_t kDirectMap = 0xffff'8880'0000'0000;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::abort();
}

// All RAM at kDirectMap, in pages of 2 MiB as Linux maps it.
class MemfdMemory final : public GuestMemory {
 public:
  MemfdMemory() : ram_(*RamMap::Make({{Gpa{0}, kRamBytes}})) {
    fd_ = memfd_create("walk-bench", 0);
    Require(fd_ >= 0 && ftruncate(fd_, kRamBytes) == 0, "memfd");
    void* map = mmap(nullptr, kRamBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    Require(map != MAP_FAILED, "mmap");
    words_ = static_cast<std::uint64_t*>(map);
    Put(kDirectMap + kTables + 8 * ((kDirectMap >> 39) & 511), (kTables + 0x1000) | 3);
    Put(kDirectMap + kTables + 0x1000, (kTables + 0x2000) | 3);
    for (std::uint64_t at = 0; at < kRamBytes; at += 2 << 20) {
      Put(kDirectMap + kTables + 0x2000 + 8 * (at >> 21), at | 0x83);
    }
  }
  ~MemfdMemory() override {
    munmap(words_, kRamBytes);
    close(fd_);
  }
  MemfdMemory(const MemfdMemory&) = delete;
  MemfdMemory& operator=(const MemfdMemory&) = delete;

  void Put(std::uint64_t gva, std::uint64_t word) { words_[(gva - kDirectMap) / 8] = word; }
  const RamMap& ram() const override { return ram_; }
  absl::Status Read(Gpa gpa, MutableBytes out) const override {
    if (!ram_.Contains(gpa, out.size())) return absl::OutOfRangeError("not RAM");
    const ssize_t got = pread(fd_, out.data(), out.size(), static_cast<off_t>(Raw(gpa)));
    if (got != static_cast<ssize_t>(out.size())) return absl::DataLossError("short read");
    return absl::OkStatus();
  }

 private:
  RamMap ram_;
  int fd_ = -1;
  std::uint64_t* words_ = nullptr;
};

// 0, ..., count - 1 in an order that memory does not follow.
std::vector<std::uint64_t> Shuffled(std::uint64_t count) {
  std::vector<std::uint64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  return order;
}

void Walk(benchmark::State& state, const MemfdMemory& memory, graph::GraphBuilder& build) {
  RegionTable table;
  table.facts.page_table_root = kTables;
  table.facts.page_table_levels = 4;
  table.graph = *graph::ParseGraph(AsBytes(build.Encode()));
  const std::vector<VcpuState> vcpus;
  std::uint64_t objects = 0;
  std::uint64_t pages = 0;
  for (auto _ : state) {
    PageReader reader(memory, kRamBytes / kPageBytes);
    const CapturePlan plan = PlanCapture({.table = &table,
                                          .vcpus = &vcpus,
                                          .ram = &memory.ram(),
                                          .memory = &reader,
                                          .excluded = {},
                                          .limits = {.capture_bytes = kRamBytes}});
    if (!plan.missing.empty()) state.SkipWithError(plan.missing[0].why.c_str());
    for (const graph::RootReport& root : plan.graph_roots) objects += root.objects;
    pages += plan.pages.size();
  }
  const auto rate = benchmark::Counter::kIsRate;
  state.counters["objects"] = benchmark::Counter(static_cast<double>(objects), rate);
  state.counters["pages"] = benchmark::Counter(static_cast<double>(pages), rate);
}

marrow_root& Root(graph::GraphBuilder& build, std::uint64_t address, std::uint32_t type) {
  marrow_root& root = build.Root("root", address, type);
  root.max_objects = 4'000'000;
  root.max_bytes = kRamBytes;
  return root;
}

// A list_head of `count` objects of 64 bytes, `apart` bytes from one to the next in memory.
void List(benchmark::State& state, std::uint64_t count, std::uint64_t apart) {
  MemfdMemory memory;
  const std::vector<std::uint64_t> order = Shuffled(count);
  const auto node = [&](std::uint64_t i) {
    return kDirectMap + 0x1000 + order[i % count] * apart + 8;
  };
  memory.Put(kDirectMap + 8, node(0));
  for (std::uint64_t i = 0; i < count; ++i) {
    memory.Put(node(i), i + 1 == count ? kDirectMap + 8 : node(i + 1));
  }
  graph::GraphBuilder build;
  const auto object = build.Type("object", 64);
  const auto head = build.Type("head", 16);
  marrow_edge& edge = build.Edge(MARROW_EDGE_LIST, 8, object);
  edge.adjust = -8;
  edge.limit = 4'000'000;
  Root(build, kDirectMap, head);
  Walk(state, memory, build);
}

void BM_ListOf64ByteObjects(benchmark::State& state) { List(state, 1'000'000, 64); }
void BM_OneObjectPerPage(benchmark::State& state) { List(state, 50'000, kPageBytes); }

// Tasks as Linux has them: 10 KiB each in a list, with a stack of 16 KiB of which 1 KiB is used, a
// table of 64 files, each file with its dentry, inode and name, and three small objects.
void BM_TaskLikeMix(benchmark::State& state) {
  constexpr std::uint64_t kTasks = 2000;
  constexpr std::uint64_t kTaskBytes = 0x2800;
  constexpr std::uint64_t kSmall = kDirectMap + (64 << 20);
  constexpr std::uint64_t kStacks = kDirectMap + (128 << 20);
  constexpr std::uint64_t kFiles = kDirectMap + (256 << 20);
  constexpr std::uint64_t kEach = 64;  // files of a task
  MemfdMemory memory;
  const std::vector<std::uint64_t> order = Shuffled(kTasks * kEach);
  for (std::uint64_t i = 0; i < kTasks; ++i) {
    const std::uint64_t task = kDirectMap + 0x10000 + i * kTaskBytes;
    memory.Put(task, i + 1 == kTasks ? 0 : task + kTaskBytes);
    memory.Put(task + 0x100, kStacks + i * 0x4000);
    memory.Put(task + 0x108, kStacks + i * 0x4000 + 0x3c00);
    for (std::uint64_t k = 0; k < 3; ++k) {
      memory.Put(task + 0x800 + 8 * k, kSmall + (order[i] * 3 + k) * 192);
    }
    const std::uint64_t table = kSmall + (32 << 20) + i * 512;
    memory.Put(task + 0x900, table);
    for (std::uint64_t k = 0; k < kEach; ++k) {
      const std::uint64_t file = kFiles + order[i * kEach + k] * 1024;
      memory.Put(table + 8 * k, file);
      memory.Put(file, file + 256);
      memory.Put(file + 8, file + 512);
    }
  }
  graph::GraphBuilder build;
  const auto small = build.Type("small", 192);
  const auto inode = build.Type("inode", 256);
  const auto file = build.Type("file", 232);
  build.Edge(MARROW_EDGE_POINTER, 0, inode).count = 2;
  const auto files = build.Type("files", 512);
  build.Edge(MARROW_EDGE_POINTER, 0, file).count = 64;
  const auto task = build.Type("task", 9984);
  build.Edge(MARROW_EDGE_POINTER, 0, task);
  build.Edge(MARROW_EDGE_STACK, 0x100, 0).link = 0x108;
  build.Edge(MARROW_EDGE_POINTER, 0x800, small).count = 3;
  build.Edge(MARROW_EDGE_POINTER, 0x900, files);
  build.graph.header.stack_bytes = 0x4000;
  Root(build, kDirectMap + 0x10000, task);
  Walk(state, memory, build);
}

BENCHMARK(BM_ListOf64ByteObjects)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_OneObjectPerPage)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(BM_TaskLikeMix)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace marrow

BENCHMARK_MAIN();
