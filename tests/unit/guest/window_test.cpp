// SPDX-License-Identifier: Apache-2.0
// What a claimed writer leaves in the table.
#include <optional>

#include "window_fixture.h"

namespace marrow::guest {
namespace {

using Table = WindowFixture;
using Batch = WindowFixture;
using Heartbeat = WindowFixture;

TEST_F(Table, HoldsWhatWasRegistered) {
  Window window = Claimed();
  ASSERT_EQ(window.Register({0x1122334455667788, 0xffffffff81000000, 0x12345678, MARROW_ADDRESS_GVA,
                             MARROW_CLASS_SECRET, "linux_banner"}),
            Error::kNone);
  EXPECT_EQ(header().table.region_count, 1u);
  EXPECT_EQ(region(0).id, 0x1122334455667788u);
  EXPECT_EQ(region(0).address, 0xffffffff81000000u);
  EXPECT_EQ(region(0).size, 0x12345678u);
  EXPECT_EQ(region(0).address_kind, MARROW_ADDRESS_GVA);
  EXPECT_EQ(region(0).region_class, MARROW_CLASS_SECRET);
  EXPECT_EQ(region(0).flags, 0u);
  EXPECT_EQ(Text(region(0).name, MARROW_NAME_BYTES), "linux_banner");
  ExpectSoundTable();
}

TEST_F(Table, CutsNamesAtWholeCharacters) {
  const std::string thirty_one(31, 'x');
  const struct {
    std::string name;
    std::string stored;
  } cases[] = {
      {"", ""},
      {thirty_one, thirty_one},
      {thirty_one + "y", thirty_one + "y"},
      {thirty_one + "yz", thirty_one + "y"},
      {thirty_one + "\u00fc", thirty_one},
      {thirty_one.substr(1) + "\u00fc", thirty_one.substr(1) + "\u00fc"},
      {thirty_one.substr(1) + "\u00fcx", thirty_one.substr(1) + "\u00fc"},
      {thirty_one.substr(1) + "\u20ac", thirty_one.substr(1)},
  };
  Window window = Claimed();
  for (const auto& c : cases) {
    ASSERT_EQ(window.Register(At(1, 0x1000, 8, c.name.c_str())), Error::kNone);
    EXPECT_EQ(Text(region(0).name, MARROW_NAME_BYTES), c.stored);
    ASSERT_EQ(window.Unregister(1), Error::kNone);
  }
}

TEST_F(Table, RejectsBadRegionsUnchanged) {
  Window window = Claimed();
  ASSERT_EQ(window.Register(At(1)), Error::kNone);
  const std::vector<unsigned char> before(base(), base() + kBytes);
  Region bad_kind = At(2);
  bad_kind.kind = static_cast<marrow_address_kind>(3);
  Region bad_class = At(2);
  bad_class.region_class = static_cast<marrow_region_class>(5);
  const struct {
    Region region;
    Error error;
  } cases[] = {
      {At(0), Error::kBadId},
      {At(1), Error::kDuplicateId},
      {At(2, 0x1000, 0), Error::kBadRange},
      {At(2, UINT64_MAX, 1), Error::kBadRange},
      {At(2, 1, UINT64_MAX), Error::kBadRange},
      {bad_kind, Error::kBadKind},
      {bad_class, Error::kBadKind},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(window.Register(c.region), c.error);
    EXPECT_EQ(std::vector<unsigned char>(base(), base() + kBytes), before);
  }
}

TEST_F(Table, AcceptsRangesWhoseEndFits) {
  Window window = Claimed();
  EXPECT_EQ(window.Register(At(1, 0, UINT64_MAX)), Error::kNone);
  EXPECT_EQ(window.Register(At(2, UINT64_MAX - 1, 1)), Error::kNone);
  EXPECT_EQ(window.Register(At(3, UINT64_MAX - 4096, 4096)), Error::kNone);
}

TEST_F(Table, IsFullAtItsCapacity) {
  Window window = Claimed();
  for (uint64_t id = 1; id <= window.region_capacity(); ++id) {
    ASSERT_EQ(window.Register(At(id)), Error::kNone);
  }
  EXPECT_EQ(window.region_count(), 48u);
  EXPECT_EQ(window.Register(At(1000)), Error::kTableFull);
  ExpectSoundTable();
}

TEST_F(Table, UpdateMovesARegion) {
  Window window = Claimed();
  ASSERT_EQ(window.Register(At(1)), Error::kNone);
  ASSERT_EQ(window.Update(1, 0x5000, 0x20), Error::kNone);
  EXPECT_EQ(region(0).address, 0x5000u);
  EXPECT_EQ(region(0).size, 0x20u);
  ExpectSoundTable();
  EXPECT_EQ(window.Update(2, 0x5000, 0x20), Error::kUnknownId);
  EXPECT_EQ(window.Update(1, 0x5000, 0), Error::kBadRange);
  EXPECT_EQ(region(0).size, 0x20u);
}

TEST_F(Table, UnregisterCompacts) {
  for (const uint64_t removed : {1u, 2u, 3u}) {
    Format();
    Window window = Claimed();
    for (const uint64_t id : {1u, 2u, 3u})
      ASSERT_EQ(window.Register(At(id, id << 12)), Error::kNone);
    ASSERT_EQ(window.Unregister(removed), Error::kNone);
    EXPECT_EQ(window.region_count(), 2u);
    EXPECT_EQ(window.Unregister(removed), Error::kUnknownId);
    for (const uint64_t id : {1u, 2u, 3u}) {
      const Error expected = id == removed ? Error::kUnknownId : Error::kNone;
      EXPECT_EQ(window.Update(id, id << 13, 8), expected);
    }
    ExpectSoundTable();
  }
}

TEST_F(Table, HoldsTheFacts) {
  Window window = Claimed();
  marrow_facts facts{};
  facts.machine = 62;
  facts.cpu_count = 3;
  facts.vmcoreinfo_bytes = 0x1024;
  ASSERT_EQ(window.SetFacts(facts), Error::kNone);
  EXPECT_EQ(std::memcmp(&header().facts, &facts, sizeof(facts)), 0);
  ExpectSoundTable();
}

TEST_F(Table, NeedsAClaim) {
  Window window = Attached();
  EXPECT_EQ(window.Register(At(1)), Error::kNotClaimed);
  EXPECT_EQ(window.Update(1, 1, 1), Error::kNotClaimed);
  EXPECT_EQ(window.Unregister(1), Error::kNotClaimed);
  EXPECT_EQ(window.SetFacts({}), Error::kNotClaimed);
  EXPECT_EQ(window.SetState(MARROW_STATE_ALIVE), Error::kNotClaimed);
  EXPECT_EQ(window.SetPeriod(1), Error::kNotClaimed);
  EXPECT_EQ(window.Beat(1), Error::kNotClaimed);
  EXPECT_EQ(Window().Register(At(1)), Error::kNotAttached);
}

TEST_F(Table, SurvivesAHostThatScribblesOnItsControl) {
  Window window = Claimed();
  ASSERT_EQ(window.Register(At(1)), Error::kNone);
  header().table.region_count = UINT32_MAX;
  header().table.region_capacity = UINT32_MAX;
  header().table.table_offset = 0xfffffff0;
  ASSERT_EQ(window.Register(At(2)), Error::kNone);
  EXPECT_EQ(region(1).id, 2u);
  EXPECT_EQ(header().table.region_count, 2u);
}

TEST_F(Batch, IsOneGenerationAndOddMeanwhile) {
  Window window = Claimed();
  const uint64_t generation = window.generation();
  {
    Change change(window);
    EXPECT_EQ(header().table.sequence % 2, 0u);
    ASSERT_EQ(change.Register(At(1)), Error::kNone);
    EXPECT_EQ(header().table.sequence % 2, 1u);
    ASSERT_EQ(change.Register(At(2)), Error::kNone);
    ASSERT_EQ(change.SetFacts({}), Error::kNone);
    EXPECT_EQ(window.generation(), generation);
  }
  EXPECT_EQ(window.generation(), generation + 1);
  ExpectSoundTable();
}

TEST_F(Batch, ThatFailsThroughoutChangesNothing) {
  Window window = Claimed();
  const std::vector<unsigned char> before(base(), base() + kBytes);
  {
    Change change(window);
    EXPECT_EQ(change.Register(At(0)), Error::kBadId);
    EXPECT_EQ(change.Unregister(5), Error::kUnknownId);
  }
  EXPECT_EQ(std::vector<unsigned char>(base(), base() + kBytes), before);
}

TEST_F(Batch, ReplacesTheWholeTable) {
  Window window = Claimed();
  for (const uint64_t id : {1u, 2u, 3u}) ASSERT_EQ(window.Register(At(id)), Error::kNone);
  {
    Change change(window);
    ASSERT_EQ(change.Clear(), Error::kNone);
    ASSERT_EQ(change.Register(At(3, 0x9000)), Error::kNone);
  }
  EXPECT_EQ(window.region_count(), 1u);
  EXPECT_EQ(region(0).address, 0x9000u);
  ExpectSoundTable();
}

TEST_F(Batch, ExcludesAnyOther) {
  Window window = Claimed();
  std::optional<Change> first(std::in_place, window);
  {
    Change second(window);
    EXPECT_EQ(second.Register(At(1)), Error::kChangeOpen);
  }
  EXPECT_EQ(window.Register(At(1)), Error::kChangeOpen);
  EXPECT_EQ(first->Register(At(1)), Error::kNone);
  first.reset();
  EXPECT_EQ(window.Register(At(2)), Error::kNone);
}

TEST_F(Heartbeat, CountsBeats) {
  Window window = Claimed();
  ASSERT_EQ(window.SetPeriod(250), Error::kNone);
  ASSERT_EQ(window.SetState(MARROW_STATE_ALIVE), Error::kNone);
  const uint64_t before = header().heartbeat.beat;
  ASSERT_EQ(window.Beat(1000), Error::kNone);
  ASSERT_EQ(window.Beat(1250), Error::kNone);
  EXPECT_EQ(header().heartbeat.beat, before + 2);
  EXPECT_EQ(header().heartbeat.uptime_ms, 1250u);
  EXPECT_EQ(header().heartbeat.period_ms, 250u);
  EXPECT_EQ(header().guest.state, MARROW_STATE_ALIVE);
}

TEST_F(Heartbeat, LeavesTheTableAlone) {
  Window window = Claimed();
  const uint64_t generation = window.generation();
  ASSERT_EQ(window.Beat(1), Error::kNone);
  EXPECT_EQ(window.generation(), generation);
  ExpectSoundTable();
}

TEST(Errors, AreAllDescribed) {
  for (int error = 0; error <= static_cast<int>(Error::kHostRefused); ++error) {
    EXPECT_STRNE(Describe(static_cast<Error>(error)), "unknown error") << error;
  }
  EXPECT_STREQ(Describe(static_cast<Error>(200)), "unknown error");
}

}  // namespace
}  // namespace marrow::guest
