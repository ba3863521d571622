// SPDX-License-Identifier: Apache-2.0
// A graph from the guest's library to the core.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "marrow/guest.h"
#include "tests/fakes/fake_address_space.h"
#include "tests/fakes/fake_vm.h"
#include "tests/unit/guest/graph/graph_builder.h"
#include "vmm_backend/capture/capture.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr std::uint64_t kTasks = 0xffff'c900'0010'0000;
constexpr std::uint64_t kStack = 0xffff'c900'0000'4000;

// Three tasks in a list, a page each, the first with a stack of two pages of which one is in use.
class GraphCaptureTest : public testing::Test {
 protected:
  GraphCaptureTest() {
    EXPECT_EQ(guest_.Attach(window_.guest(), window_.size()), guest::Error::kNone);
    EXPECT_EQ(guest_.Claim({.boot_id = {7}, .writer = MARROW_WRITER_BARE}), guest::Error::kNone);
    marrow_facts facts{};
    facts.page_table_root = Raw(space_.root().table);
    facts.page_table_levels = 4;
    facts.direct_map = 0xffff'8880'0000'0000;
    EXPECT_EQ(guest_.SetFacts(facts), guest::Error::kNone);
    for (std::uint64_t i = 0; i < 3; ++i) {
      space_.Write(Task(i), "task " + std::to_string(i));
      space_.WriteWord(Task(i) + 0x10, i == 2 ? 0 : Task(i + 1));
    }
    space_.Write(kStack + 0x1ff8, "in use");
    space_.Write(kStack + 0xff8, "stale");
    space_.WriteWord(Task(0) + 0x20, kStack);
    space_.WriteWord(Task(0) + 0x28, kStack + 0x1f00);
    control_.vcpus.resize(1);
    build_.Type("task", 0x40);
    build_.Edge(MARROW_EDGE_POINTER, 0x10, 0);
    build_.Edge(MARROW_EDGE_STACK, 0x20, 0).link = 0x28;
    build_.graph.header.stack_bytes = 0x2000;
    build_.Root("tasks", Task(0), 0);
  }
  static std::uint64_t Task(std::uint64_t i) { return kTasks + i * kPageBytes; }

  CapturedDump Run() {
    const std::string graph = build_.Encode();
    EXPECT_EQ(guest_.SetGraph(graph.data(), graph.size()), guest::Error::kNone);
    memory_.Write(0, AsText(space_.memory()));
    const CaptureSubject subject{.window = &window_, .memory = &memory_, .control = &control_};
    auto dump = Capture(subject, policy_, order_, [] { return absl::ZeroDuration(); });
    EXPECT_TRUE(dump.ok()) << dump.status();
    return *std::move(dump);
  }
  static std::string File(const CapturedDump& dump) {
    StringSink sink;
    EXPECT_TRUE(WriteCore(
                    dump.layout, [&](std::size_t i) { return dump.pages.Page(i); }, sink)
                    .ok());
    return sink.text;
  }

  FakeAddressSpace space_{1 << 17};
  FakeWindow window_{8192};
  guest::Window guest_;
  FakeGuestMemory memory_{{{Gpa{0}, 1 << 17}}};
  FakeVmControl control_;
  graph::GraphBuilder build_;
  CapturePolicy policy_;
  CaptureOrder order_;
};

TEST_F(GraphCaptureTest, PutsWhatTheGraphLeadsToIntoTheCore) {
  const CapturedDump dump = Run();
  const std::string file = File(dump);
  const SpanSource source(AsBytes(file));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  const auto read = [&](std::uint64_t gva, std::size_t bytes) {
    std::string text(bytes, '?');
    const absl::Status status =
        core->ReadVirtual(Gva{gva}, std::as_writable_bytes(std::span(text)));
    return status.ok() ? text : std::string(status.message());
  };
  EXPECT_EQ(read(Task(2), 6), "task 2");
  EXPECT_EQ(read(kStack + 0x1ff8, 6), "in use");
  EXPECT_EQ(read(kStack + 0xff8, 5), std::string(5, '\0')) << "below the saved stack pointer";
}

TEST_F(GraphCaptureTest, ReportsEachRoot) {
  build_.Root("one task", Task(1), build_.Type("only", 8)).priority = 1;
  build_.Root("cut short", Task(2), 0).max_objects = 1;
  const v1::Manifest manifest = Run().manifest;
  ASSERT_EQ(manifest.graph_roots_size(), 3);
  EXPECT_EQ(manifest.graph_roots(0).name(), "tasks");
  EXPECT_EQ(manifest.graph_roots(0).objects(), 2u) << "the other root came first to the third";
  EXPECT_EQ(manifest.graph_roots(0).captured_bytes(), 3 * kPageBytes);
  EXPECT_EQ(manifest.graph_roots(0).truncated(), "");
  EXPECT_EQ(manifest.graph_roots(1).objects(), 1u);
  EXPECT_EQ(manifest.graph_roots(1).captured_bytes(), 0u);
}

TEST_F(GraphCaptureTest, ListsTruncatedRootsAndBadPointersAsMissing) {
  space_.WriteWord(Task(2) + 0x20, 0xffff'c900'0dea'd000);
  build_.Root("short", kStack, build_.Type("bytes", 8)).max_bytes = 1;
  const v1::Manifest manifest = Run().manifest;
  std::vector<std::string> missing;
  for (const v1::Missing& part : manifest.missing()) {
    missing.push_back(part.what() + ": " + part.why());
  }
  EXPECT_THAT(missing, Contains(HasSubstr("root \"tasks\": task+0x20 -> stack: not mapped")));
  EXPECT_THAT(missing,
              Contains("root \"short\": not followed to its end: over its limit of 1 bytes"));
}

TEST_F(GraphCaptureTest, MakesNamesOfTheGuestSafe) {
  std::copy_n("\x1b[31m\n", 7, build_.graph.roots[0].name);
  const v1::Manifest manifest = Run().manifest;
  EXPECT_EQ(manifest.graph_roots(0).name(), "?[31m?");
}

TEST_F(GraphCaptureTest, ReadsNoPageOfTheGuestTwice) {
  Run();
  EXPECT_LE(memory_.reads(), 3u + 2u + 4u + 2u) << "tasks, stack, tables, and neighbours in a run";
}

}  // namespace
}  // namespace marrow
