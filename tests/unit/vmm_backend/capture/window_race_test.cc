// SPDX-License-Identifier: Apache-2.0
// The guest's real writer against the host's real reader, in two threads.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "marrow/guest.h"
#include "tests/fakes/fake_vm.h"
#include "vmm_backend/core/window.h"

namespace marrow {
namespace {

constexpr int kDifferentTables = 500;
constexpr std::uint64_t kRegions = 20;

guest::Region MakeRegion(std::uint64_t id, std::uint64_t round) {
  return {.id = id,
          .address = round << 12,
          .size = round + 1,
          .kind = MARROW_ADDRESS_GPA,
          .region_class = MARROW_CLASS_LOG,
          .name = "raced"};
}

// Every table ever published has all its regions from one round.
void ExpectFromOneRound(const RegionTable& table) {
  ASSERT_EQ(table.regions.size(), kRegions);
  for (const RegionEntry& region : table.regions) {
    ASSERT_EQ(region.address, table.regions[0].address);
    ASSERT_EQ(region.size, (region.address >> 12) + 1);
    ASSERT_EQ(table.facts.phys_base, region.address);
  }
}

class Writer {
 public:
  explicit Writer(FakeWindow& window) {
    EXPECT_EQ(guest_.Attach(window.guest(), window.size()), guest::Error::kNone);
    EXPECT_EQ(guest_.Claim({.boot_id = {1}, .writer = MARROW_WRITER_BARE}), guest::Error::kNone);
    guest::Change change(guest_);
    for (std::uint64_t id = 1; id <= kRegions; ++id) {
      EXPECT_EQ(change.Register(MakeRegion(id, 0)), guest::Error::kNone);
    }
  }

  void Publish(std::uint64_t round) {
    {
      guest::Change change(guest_);
      for (std::uint64_t id = 1; id <= kRegions; ++id) {
        EXPECT_EQ(change.Update(id, round << 12, round + 1), guest::Error::kNone);
      }
      marrow_facts facts{};
      facts.phys_base = round << 12;
      EXPECT_EQ(change.SetFacts(facts), guest::Error::kNone);
    }
    EXPECT_EQ(guest_.Beat(round), guest::Error::kNone);
  }

 private:
  guest::Window guest_;
};

TEST(WindowRace, ReaderSeesOnlyWholeTables) {
  FakeWindow window(8192);
  Writer writer(window);
  std::atomic<bool> enough = false;
  std::uint64_t rounds = 0;
  std::thread thread([&] {
    while (!enough) {
      writer.Publish(++rounds);
      std::this_thread::yield();
    }
  });
  std::uint64_t last_generation = 0;
  for (int different = 0; different < kDifferentTables;) {
    const absl::StatusOr<RegionTable> table = ReadRegionTable(window, {});
    EXPECT_TRUE(ReadGuestStatus(window).ok());
    if (table.ok()) {
      ExpectFromOneRound(*table);
      if (table->generation != last_generation) ++different;
      last_generation = table->generation;
    } else {
      EXPECT_EQ(table.status().code(), absl::StatusCode::kUnavailable) << table.status();
    }
  }
  enough = true;
  thread.join();
  const absl::StatusOr<RegionTable> last = ReadRegionTable(window, {});
  ASSERT_TRUE(last.ok()) << last.status();
  ExpectFromOneRound(*last);
  EXPECT_EQ(last->facts.phys_base, rounds << 12);
}

}  // namespace
}  // namespace marrow
