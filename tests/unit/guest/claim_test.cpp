// SPDX-License-Identifier: Apache-2.0
// Attaching to a window and taking it over from whoever wrote it before.
#include "window_fixture.h"

namespace marrow::guest {
namespace {

using Attach = WindowFixture;
using Claim = WindowFixture;

TEST_F(Attach, AcceptsAFormattedWindowAndWritesNothing) {
  const std::vector<unsigned char> before(base(), base() + kBytes);
  EXPECT_TRUE(Attached().attached());
  EXPECT_EQ(std::vector<unsigned char>(base(), base() + kBytes), before);
}

TEST_F(Attach, RejectsMemoryThatCannotBeAWindow) {
  Window window;
  EXPECT_EQ(window.Attach(nullptr, kBytes), Error::kBadMemory);
  EXPECT_EQ(window.Attach(base() + 8, kBytes - 8), Error::kBadMemory);
  EXPECT_EQ(window.Attach(base(), kBytes - 1), Error::kWindowTooSmall);
}

TEST_F(Attach, RejectsMemoryWithoutHostMagic) {
  header().host.magic = MARROW_GUEST_MAGIC;
  Window window;
  EXPECT_EQ(window.Attach(base(), kBytes), Error::kNoHost);
}

TEST_F(Attach, RejectsAnotherMajorVersion) {
  for (const uint16_t major : std::initializer_list<uint16_t>{0, 2, 0xffff}) {
    header().host.version_major = major;
    Window window;
    EXPECT_EQ(window.Attach(base(), kBytes), Error::kWrongVersion) << major;
  }
}

TEST_F(Attach, AcceptsANewerMinorVersion) {
  header().host.version_minor = 7;
  EXPECT_TRUE(Attached().attached());
}

TEST_F(Attach, RejectsHostSizesThatDoNotFit) {
  const struct {
    uint32_t header_bytes;
    uint64_t window_bytes;
    Error error;
  } cases[] = {
      {1024, 0, Error::kBadHostHeader},
      {1024, 2048, Error::kBadHostHeader},
      {1024, 4097, Error::kBadHostHeader},
      {1024, 32 << 20, Error::kBadHostHeader},
      {1024, UINT64_MAX, Error::kBadHostHeader},
      {1024, 8192, Error::kWindowTooSmall},
      {1023, 4096, Error::kBadHostHeader},
      {1056, 4096, Error::kBadHostHeader},
      {4096, 4096, Error::kWindowTooSmall},
      {0xffffffc0, 4096, Error::kWindowTooSmall},
      {4032, 4096, Error::kNone},
  };
  for (const auto& c : cases) {
    header().host.header_bytes = c.header_bytes;
    header().host.window_bytes = c.window_bytes;
    Window window;
    EXPECT_EQ(window.Attach(base(), kBytes), c.error) << c.header_bytes << " " << c.window_bytes;
    EXPECT_EQ(window.attached(), c.error == Error::kNone);
  }
}

TEST_F(Attach, PutsTheTableBehindALargerHostHeader) {
  header().host.header_bytes = 2048;
  Window window = Claimed();
  ASSERT_EQ(window.Register(At(1)), Error::kNone);
  EXPECT_EQ(header().table.table_offset, 2048u);
  EXPECT_EQ(header().table.region_capacity, 32u);
  EXPECT_EQ(header().table.crc32c, ExpectedCrc());
}

TEST_F(Attach, FailureDetaches) {
  Window window = Attached();
  header().host.magic = 0;
  EXPECT_EQ(window.Attach(base(), kBytes), Error::kNoHost);
  EXPECT_FALSE(window.attached());
  EXPECT_EQ(window.Claim(Boot(1)), Error::kNotAttached);
}

TEST_F(Claim, AnnouncesTheGuest) {
  Claimed(9);
  EXPECT_EQ(header().guest.magic, MARROW_GUEST_MAGIC);
  EXPECT_EQ(header().guest.version_major, MARROW_VERSION_MAJOR);
  EXPECT_EQ(header().guest.version_minor, MARROW_VERSION_MINOR);
  EXPECT_EQ(header().guest.header_bytes, MARROW_HEADER_BYTES);
  EXPECT_EQ(header().guest.boot_id[0], 9);
  EXPECT_EQ(header().guest.boot_id[15], 0xfe);
  EXPECT_EQ(header().guest.state, MARROW_STATE_BOOTING);
  EXPECT_EQ(header().guest.writer, MARROW_WRITER_BARE);
}

TEST_F(Claim, OfAFreshWindowLeavesASoundEmptyTable) {
  Claimed();
  ExpectSoundTable();
  EXPECT_EQ(header().table.region_count, 0u);
  EXPECT_EQ(header().table.generation, 1u);
}

TEST_F(Claim, KeepsTheTableOfTheSameBoot) {
  ASSERT_EQ(Claimed().Register(At(7)), Error::kNone);
  Window window = Claimed();
  EXPECT_EQ(window.region_count(), 1u);
  EXPECT_EQ(window.Register(At(7)), Error::kDuplicateId);
  ExpectSoundTable();
}

TEST_F(Claim, EmptiesTheTableOfAnotherBoot) {
  Window first = Claimed(1);
  ASSERT_EQ(first.Register(At(7)), Error::kNone);
  ASSERT_EQ(first.SetPeriod(1000), Error::kNone);
  ASSERT_EQ(first.FillPanicRecord({0, 1, 2, MARROW_PANIC_PANIC, "gone"}), Error::kNone);
  const uint64_t generation = first.generation();
  Window second = Claimed(2);
  EXPECT_EQ(second.region_count(), 0u);
  EXPECT_GT(second.generation(), generation);
  EXPECT_EQ(header().panic.valid, 0u);
  EXPECT_EQ(header().heartbeat.period_ms, 0u);
  ExpectSoundTable();
}

TEST_F(Claim, RepairsAnOddSequence) {
  Claimed();
  header().table.sequence = 41;
  Window window = Claimed();
  EXPECT_EQ(header().table.sequence, 42u);
  EXPECT_EQ(window.region_count(), 0u);
  ExpectSoundTable();
}

TEST_F(Claim, EmptiesATableThatWasDamaged) {
  const struct {
    const char* what;
    void (*damage)(marrow_window_header&);
  } cases[] = {
      {"crc", [](marrow_window_header& h) { ++h.table.crc32c; }},
      {"facts", [](marrow_window_header& h) { ++h.facts.phys_base; }},
      {"count", [](marrow_window_header& h) { h.table.region_count = UINT32_MAX; }},
      {"capacity", [](marrow_window_header& h) { ++h.table.region_capacity; }},
      {"offset", [](marrow_window_header& h) { h.table.table_offset = 64; }},
      {"graph", [](marrow_window_header& h) { h.table.graph_bytes = 8; }},
      {"graph too large", [](marrow_window_header& h) { h.table.graph_bytes = 0xffffffc0; }},
      {"graph of zeros", [](marrow_window_header& h) { h.table.graph_bytes = 64; }},
      {"graph offset", [](marrow_window_header& h) { h.table.graph_offset = 4096; }},
      {"version", [](marrow_window_header& h) { h.guest.version_major = 9; }},
      {"magic", [](marrow_window_header& h) { h.guest.magic = 0; }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    Format();
    ASSERT_EQ(Claimed().Register(At(7)), Error::kNone);
    c.damage(header());
    EXPECT_EQ(Claimed().region_count(), 0u);
    ExpectSoundTable();
  }
}

TEST_F(Claim, GenerationGrowsOverEveryTakeover) {
  uint64_t last = 0;
  for (const uint8_t boot : std::initializer_list<uint8_t>{1, 1, 2, 1}) {
    const uint64_t now = Claimed(boot).generation();
    EXPECT_GT(now, last);
    last = now;
  }
}

TEST_F(Claim, IsRefusedWhileAChangeIsOpen) {
  Window window = Claimed();
  Change change(window);
  EXPECT_EQ(window.Claim(Boot(1)), Error::kChangeOpen);
}

}  // namespace
}  // namespace marrow::guest
