// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>

#include "tests/unit/guest/graph/graph_builder.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/core/guest_text.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

// A window as a guest leaves it, writable field by field; Seal() computes the checksum.
struct FakeWindow {
  marrow_window_header header{};
  std::vector<marrow_region> regions;
  std::string graph;  // lies at the end of the window
  std::size_t window_bytes = 4096;

  FakeWindow() {
    header.host = MakeHostIdentity(window_bytes, {});
    header.guest.magic = MARROW_GUEST_MAGIC;
    header.guest.version_major = MARROW_VERSION_MAJOR;
    header.guest.header_bytes = MARROW_HEADER_BYTES;
    header.guest.state = MARROW_STATE_ALIVE;
    header.table.sequence = 2;
    header.table.generation = 1;
    header.table.table_offset = MARROW_HEADER_BYTES;
  }

  void Add(std::uint64_t id, std::uint64_t address, std::uint64_t size) {
    marrow_region region{.id = id,
                         .address = address,
                         .size = size,
                         .address_kind = MARROW_ADDRESS_GPA,
                         .region_class = MARROW_CLASS_KERNEL_DATA,
                         .flags = 0,
                         .name = {}};
    std::memcpy(region.name, "prb", 3);
    regions.push_back(region);
  }

  FakeWindow& Seal() {
    header.table.region_count = static_cast<std::uint32_t>(regions.size());
    std::uint32_t crc = Crc32c(std::as_bytes(std::span(&header.facts, 1)));
    crc = Crc32c(std::as_bytes(std::span(regions)), crc);
    header.table.crc32c = Crc32c(AsBytes(graph), crc);
    return *this;
  }

  void SetGraph(std::string block) {
    graph = std::move(block);
    header.table.graph_bytes = static_cast<std::uint32_t>(graph.size());
    header.table.graph_offset = static_cast<std::uint32_t>(window_bytes - graph.size());
  }

  std::string Bytes() const {
    std::string out(window_bytes, '\0');
    if (!graph.empty()) out.replace(header.table.graph_offset, graph.size(), graph);
    const auto bytes = std::as_writable_bytes(std::span(out));
    StoreAt(bytes, 0, header);
    for (std::size_t i = 0; i < regions.size(); ++i) {
      StoreAt(bytes, MARROW_HEADER_BYTES + i * sizeof(marrow_region), regions[i]);
    }
    return out;
  }

  absl::StatusOr<RegionTable> Read(TableLimits limits = {}) const {
    const std::string bytes = Bytes();
    return ReadRegionTable(SpanSource(AsBytes(bytes)), limits);
  }
};

TEST(RegionTable, ReadsWhatTheGuestPublished) {
  FakeWindow window;
  window.header.facts.phys_base = 0x1234000;
  window.Add(7, 0x1000, 0x20);
  const auto table = window.Seal().Read();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->generation, 1u);
  EXPECT_EQ(table->facts.phys_base, 0x1234000u);
  ASSERT_EQ(table->regions.size(), 1u);
  EXPECT_EQ(table->regions[0].id, 7u);
  EXPECT_EQ(table->regions[0].address, 0x1000u);
  EXPECT_EQ(table->regions[0].size, 0x20u);
  EXPECT_EQ(table->regions[0].name, "prb");
}

TEST(RegionTable, RejectsBadEntriesOneByOne) {
  const struct {
    const char* says;
    std::function<void(marrow_region&)> apply;
  } cases[] = {
      {"id 0", [](auto& r) { r.id = 0; }},
      {"size 0", [](auto& r) { r.size = 0; }},
      {"wraps", [](auto& r) { r.address = kMax, r.size = 2; }},
      {"wraps", [](auto& r) { r.size = kMax; }},
      {"address kind 0", [](auto& r) { r.address_kind = 0; }},
      {"address kind 3", [](auto& r) { r.address_kind = 3; }},
      {"region class 5", [](auto& r) { r.region_class = 5; }},
      {"taken", [](auto& r) { r.id = 1; }},
  };
  for (const auto& test : cases) {
    FakeWindow window;
    window.Add(1, 0x1000, 0x1000);
    window.Add(2, 0x2000, 0x1000);
    test.apply(window.regions[1]);
    const auto table = window.Seal().Read();
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->regions.size(), 1u) << test.says;
    EXPECT_THAT(table->rejected, ElementsAre(Field(&RejectedEntry::why, HasSubstr(test.says))));
  }
}

TEST(RegionTable, AcceptsARangeThatEndsAtTheTop) {
  FakeWindow window;
  window.Add(1, kMax - 0xfff, 0xfff);
  const auto table = window.Seal().Read();
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->regions.size(), 1u);
}

TEST(RegionTable, IgnoresUnknownFlags) {
  FakeWindow window;
  window.Add(1, 0x1000, 0x1000);
  window.regions[0].flags = 0xffffffff;
  EXPECT_EQ(window.Seal().Read()->regions.size(), 1u);
}

TEST(RegionTable, StopsAtTheConfiguredCount) {
  FakeWindow window;
  for (std::uint64_t i = 1; i <= 5; ++i) window.Add(i, i << 12, 0x1000);
  const auto table = window.Seal().Read({.regions = 3});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->regions.size(), 3u);
  EXPECT_EQ(table->regions_over_limit, 2u);
}

TEST(RegionTable, RefusesPlacementsOutsideTheWindow) {
  const std::function<void(marrow_table_control&)> cases[] = {
      [](auto& t) { t.table_offset = 0; },
      [](auto& t) { t.table_offset = MARROW_HEADER_BYTES - 64; },
      [](auto& t) { t.table_offset = MARROW_HEADER_BYTES + 1; },
      [](auto& t) { t.table_offset = 4096; },
      [](auto& t) { t.table_offset = 0xffffffc0; },
      [](auto& t) { t.region_count = (4096 - MARROW_HEADER_BYTES) / 64 + 1; },
      [](auto& t) { t.region_count = 0xffffffff; },
      [](auto& t) { t.graph_bytes = 1, t.graph_offset = 4096; },
      [](auto& t) { t.graph_bytes = 0xffffffff, t.graph_offset = 0xffffffff; },
      [](auto& t) { t.graph_bytes = 64, t.graph_offset = MARROW_HEADER_BYTES - 64; },
  };
  for (const auto& apply : cases) {
    FakeWindow window;
    window.Add(1, 0x1000, 0x1000);
    window.Seal();
    apply(window.header.table);
    EXPECT_EQ(window.Read().status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(RegionTable, FillsTheWindowToItsLastByte) {
  FakeWindow window;
  for (std::uint64_t i = 1; i <= (4096 - MARROW_HEADER_BYTES) / 64; ++i) {
    window.Add(i, i << 12, 0x1000);
  }
  const auto table = window.Seal().Read();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->regions.size(), 48u);
}

TEST(RegionTable, NoticesEveryFlippedByteOfFactsAndEntries) {
  FakeWindow window;
  window.Add(1, 0x1000, 0x1000);
  const std::string good = window.Seal().Bytes();
  for (std::size_t at = offsetof(marrow_window_header, facts);
       at < MARROW_HEADER_BYTES + sizeof(marrow_region); ++at) {
    if (at == offsetof(marrow_window_header, heartbeat)) at = MARROW_HEADER_BYTES;
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    EXPECT_EQ(ReadRegionTable(SpanSource(AsBytes(bad)), {}).status().code(),
              absl::StatusCode::kDataLoss)
        << at;
  }
}

TEST(RegionTable, SaysWhenTheWriterNeverFinishes) {
  FakeWindow window;
  window.header.table.sequence = 3;
  EXPECT_EQ(window.Seal().Read().status().code(), absl::StatusCode::kUnavailable);
}

TEST(RegionTable, SaysWhenThereIsNoGuestYet) {
  FakeWindow window;
  window.header.table.generation = 0;
  EXPECT_EQ(window.Read().status().code(), absl::StatusCode::kFailedPrecondition);
  window.header.guest.magic = 0;
  EXPECT_EQ(window.Read().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(RegionTable, RefusesAnotherMajorVersionAndTakesANewerMinor) {
  FakeWindow window;
  window.header.guest.version_minor = 9;
  EXPECT_TRUE(window.Seal().Read().ok());
  window.header.guest.version_major = 2;
  EXPECT_THAT(std::string(window.Read().status().message()), HasSubstr("version 2.9"));
}

// Changes the sequence after the k-th read, as a writer that runs meanwhile does.
class ChangingWindow : public ByteSource {
 public:
  ChangingWindow(std::string bytes, int changes) : bytes_(std::move(bytes)), changes_(changes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override {
    const absl::Status status = SpanSource(AsBytes(bytes_)).ReadAt(offset, out);
    if (offset == MARROW_HEADER_BYTES && changes_-- > 0) {
      bytes_[offsetof(marrow_window_header, table)] =
          static_cast<char>(bytes_[offsetof(marrow_window_header, table)] + 2);
    }
    return status;
  }

 private:
  mutable std::string bytes_;
  mutable int changes_;
};

TEST(RegionTable, TriesAgainWhenTheTableChangesUnderIt) {
  FakeWindow window;
  window.Add(1, 0x1000, 0x1000);
  EXPECT_TRUE(ReadRegionTable(ChangingWindow(window.Seal().Bytes(), 3), {}).ok());
  EXPECT_EQ(ReadRegionTable(ChangingWindow(window.Bytes(), 1000), {}).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(GuestStatus, ReadsStateHeartbeatRequestAndPanic) {
  FakeWindow window;
  window.header.heartbeat = {
      .beat = 5, .period_ms = 1000, .reserved0 = 0, .uptime_ms = 5100, .reserved = {}};
  window.header.request.sequence = 3;
  window.header.panic.valid = 1;
  window.header.panic.cpu = 2;
  const std::string bytes = window.Bytes();
  const auto status = ReadGuestStatus(SpanSource(AsBytes(bytes)));
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->state, MARROW_STATE_ALIVE);
  EXPECT_EQ(status->heartbeat.beat, 5u);
  EXPECT_EQ(status->request.sequence, 3u);
  EXPECT_TRUE(status->panicked);
  EXPECT_EQ(status->panic.cpu, 2u);
}

TEST(GuestStatus, TakesAnUnknownStateForNone) {
  FakeWindow window;
  window.header.guest.state = 77;
  const std::string bytes = window.Bytes();
  EXPECT_EQ(ReadGuestStatus(SpanSource(AsBytes(bytes)))->state, MARROW_STATE_NONE);
}

TEST(GuestStatus, RefusesAWindowThatIsTooShort) {
  EXPECT_EQ(ReadGuestStatus(SpanSource(AsBytes(std::string(100, '\0')))).status().code(),
            absl::StatusCode::kOutOfRange);
}

std::string GraphWithOneRoot(std::uint32_t type = 0) {
  graph::GraphBuilder build;
  build.Type("task", 64);
  build.Root("tasks", 0xffff'8880'0000'0000, type);
  return build.Encode();
}

TEST(RegionTableGraph, IsTakenApart) {
  FakeWindow window;
  window.Add(1, 0x1000, 0x1000);
  window.SetGraph(GraphWithOneRoot());
  const auto table = window.Seal().Read();
  ASSERT_TRUE(table.ok()) << table.status();
  ASSERT_TRUE(table->graph.has_value()) << table->graph_rejected;
  EXPECT_STREQ(table->graph->roots[0].name, "tasks");
  EXPECT_EQ(table->graph_rejected, "");
}

TEST(RegionTableGraph, IsAbsentWhereTheGuestPublishedNone) {
  const auto table = FakeWindow().Seal().Read();
  ASSERT_TRUE(table.ok());
  EXPECT_FALSE(table->graph.has_value());
  EXPECT_EQ(table->graph_rejected, "");
}

TEST(RegionTableGraph, IsAbsentWhereItsOffsetOrItsSizeIsZero) {
  for (const bool offset : {true, false}) {
    FakeWindow window;
    window.Add(1, 0x1000, 0x1000);
    (offset ? window.header.table.graph_offset : window.header.table.graph_bytes) = 0xffff'ffc0;
    const auto table = window.Seal().Read();
    ASSERT_TRUE(table.ok()) << table.status();
    EXPECT_EQ(table->regions.size(), 1u);
    EXPECT_FALSE(table->graph.has_value());
    EXPECT_EQ(table->graph_rejected, "");
  }
}

TEST(RegionTableGraph, CostsOnlyItselfWhenItIsInvalid) {
  FakeWindow window;
  window.Add(1, 0x1000, 0x1000);
  window.SetGraph(GraphWithOneRoot(7));
  const auto table = window.Seal().Read();
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->regions.size(), 1u);
  EXPECT_FALSE(table->graph.has_value());
  EXPECT_EQ(table->graph_rejected, "root 0: its type is not in the table");
}

TEST(RegionTableGraph, IsLeftOutBeyondTheLimitOrOffItsAlignment) {
  FakeWindow window;
  window.SetGraph(GraphWithOneRoot());
  TableLimits limits;
  limits.graph_bytes = static_cast<std::uint32_t>(window.graph.size() - 1);
  const auto limited = window.Seal().Read(limits);
  ASSERT_TRUE(limited.ok());
  EXPECT_THAT(limited->graph_rejected, testing::HasSubstr("limit"));
  window.header.table.graph_offset -= 8;
  const auto unaligned = window.Read();
  ASSERT_TRUE(unaligned.ok()) << unaligned.status();
  EXPECT_THAT(unaligned->graph_rejected, testing::HasSubstr("multiple of 64"));
}

TEST(BootId, IsPrintedAsAUuid) {
  EXPECT_EQ(FormatBootId({0xf8, 0x1d, 0x4f, 0xae, 0x7d, 0xec, 0x11, 0xd0, 0xa7, 0x65, 0x00, 0xa0,
                          0xc9, 0x1e, 0x6b, 0xf6}),
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
}

TEST(GuestText, KeepsUtf8AndReplacesTheRest) {
  EXPECT_EQ(GuestText("prb"), "prb");
  EXPECT_EQ(GuestText(absl::string_view("a\0b", 3)), "a");
  EXPECT_EQ(GuestText("\xc3\xa9\xe2\x82\xac\xf0\x9f\xa6\xb4"),
            "\xc3\xa9\xe2\x82\xac\xf0\x9f\xa6\xb4");
  EXPECT_EQ(GuestText("a\x1b[31m\n"), "a?[31m?");
  EXPECT_EQ(GuestText("\xff\xc3"), "??");
  EXPECT_EQ(GuestText("\xc0\x80"), "??");            // overlong
  EXPECT_EQ(GuestText("\xed\xa0\x80"), "???");       // surrogate
  EXPECT_EQ(GuestText("\xf4\x90\x80\x80"), "????");  // beyond U+10FFFF
  EXPECT_EQ(GuestText("\xc2\x9b"), "?");             // C1 control
  EXPECT_EQ(GuestText(""), "");
}

}  // namespace
}  // namespace marrow
