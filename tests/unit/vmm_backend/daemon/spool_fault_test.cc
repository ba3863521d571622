// SPDX-License-Identifier: Apache-2.0
// Sweeps: fail every file operation in turn, and see what the next start finds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fakes/fault_file_system.h"
#include "tests/unit/vmm_backend/daemon/spooled_dump.h"
#include "vmm_backend/daemon/spool.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SpoolFaultTest : public testing::Test {
 protected:
  const SpoolOptions options_{"/spool", 1 << 20, 10, 1 << 20};
  const TestDump one_{TestId(1)};
  const TestDump two_{TestId(2)};
};

// Fails every operation of Add in turn, once alone and once with all that follow (as if the process
// had died there), then restarts, with and without a power cut.
TEST_F(SpoolFaultTest, FailedAddShowsNothingHalfDone) {
  for (const auto fault : {FaultFileSystem::Fault::kOnce, FaultFileSystem::Fault::kFromThenOn}) {
    for (const bool power_cut : {false, true}) {
      std::uint64_t n = 1;
      for (bool hit = true; hit; ++n) {
        SCOPED_TRACE(testing::Message() << "operation " << n << " power cut " << power_cut);
        ASSERT_LT(n, 100U);
        FaultFileSystem files;
        auto spool = Spool::Open(files, options_);
        ASSERT_TRUE(spool.ok() && one_.AddTo(**spool).ok());
        files.FailAt(n, fault);
        const bool added = two_.AddTo(**spool).ok();
        hit = files.fault_hit();
        if (added) {
          EXPECT_THAT((*spool)->Pending(), ElementsAre(one_.id(), two_.id()));
        }
        if (!added) {
          EXPECT_THAT((*spool)->Pending(), ElementsAre(one_.id()));
        }
        files.Heal();
        if (power_cut) files.DropUnsynced();

        auto again = Spool::Open(files, options_);
        ASSERT_TRUE(again.ok()) << again.status();
        const std::vector<std::string> pending = (*again)->Pending();
        EXPECT_EQ(std::count(pending.begin(), pending.end(), one_.id()), 1);
        const bool there = std::count(pending.begin(), pending.end(), two_.id()) == 1;
        if (added) {
          EXPECT_TRUE(there);
        }
        if (there) {
          EXPECT_EQ(ReadCore(**again, two_.id()), two_.Core());
        }
        EXPECT_EQ((*again)->stats().quarantined_entries, 0U);
      }
      EXPECT_GT(n, 8U);
    }
  }
}

// A dump whose Remove failed is still whole, or gone; never a ruin.
TEST_F(SpoolFaultTest, FailedRemoveLeavesAWholeDumpOrNone) {
  for (const bool power_cut : {false, true}) {
    std::uint64_t n = 1;
    for (bool hit = true; hit; ++n) {
      SCOPED_TRACE(testing::Message() << "operation " << n << " power cut " << power_cut);
      ASSERT_LT(n, 100U);
      FaultFileSystem files;
      auto spool = Spool::Open(files, options_);
      ASSERT_TRUE(spool.ok() && one_.AddTo(**spool).ok());
      files.FailAt(n, FaultFileSystem::Fault::kFromThenOn);
      const bool removed = (*spool)->Remove(one_.id()).ok();
      hit = files.fault_hit();
      files.Heal();
      if (power_cut) files.DropUnsynced();

      auto again = Spool::Open(files, options_);
      ASSERT_TRUE(again.ok()) << again.status();
      if (removed && !power_cut) {
        EXPECT_THAT((*again)->Pending(), IsEmpty());
      }
      for (const std::string& id : (*again)->Pending()) {
        EXPECT_EQ(ReadCore(**again, id), one_.Core());
      }
      EXPECT_EQ((*again)->stats().quarantined_entries, 0U);
    }
    EXPECT_GT(n, 3U);
  }
}

// An interrupted quarantine loses no byte: after the restart the core is in one place or the other.
TEST_F(SpoolFaultTest, InterruptedQuarantineLosesNothing) {
  for (const bool power_cut : {false, true}) {
    std::uint64_t n = 1;
    for (bool hit = true; hit; ++n) {
      SCOPED_TRACE(testing::Message() << "operation " << n << " power cut " << power_cut);
      ASSERT_LT(n, 100U);
      FaultFileSystem files;
      auto spool = Spool::Open(files, options_);
      ASSERT_TRUE(spool.ok() && one_.AddTo(**spool).ok());
      files.FailAt(n, FaultFileSystem::Fault::kFromThenOn);
      const bool moved = (*spool)->Quarantine(one_.id(), "refused").ok();
      hit = files.fault_hit();
      EXPECT_THAT((*spool)->Pending(), IsEmpty());
      files.Heal();
      if (power_cut) files.DropUnsynced();

      auto again = Spool::Open(files, options_);
      ASSERT_TRUE(again.ok()) << again.status();
      if (moved) {
        EXPECT_THAT((*again)->Pending(), IsEmpty());
      }
      const bool pending = !(*again)->Pending().empty();
      EXPECT_EQ(pending ? ReadCore(**again, one_.id())
                        : files.Contents("/spool/quarantine/" + one_.id() + ".core"),
                one_.Core());
    }
    EXPECT_GT(n, 6U);
  }
}

TEST_F(SpoolFaultTest, FailedOpenLosesNothing) {
  FaultFileSystem files;
  ASSERT_TRUE(one_.AddTo(**Spool::Open(files, options_)).ok());
  for (std::uint64_t n = 1; n < 30; ++n) {
    SCOPED_TRACE(n);
    files.FailAt(n, FaultFileSystem::Fault::kFromThenOn);
    (void)Spool::Open(files, options_);
    files.Heal();
    EXPECT_THAT((*Spool::Open(files, options_))->Pending(), ElementsAre(one_.id()));
  }
}

}  // namespace
}  // namespace marrow
