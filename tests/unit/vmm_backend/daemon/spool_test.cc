// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/fakes/fault_file_system.h"
#include "tests/unit/vmm_backend/daemon/spooled_dump.h"
#include "vmm_backend/base/sha256.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SpoolTest : public testing::Test {
 protected:
  std::unique_ptr<Spool> Open() { return Open(options_); }
  std::unique_ptr<Spool> Open(const SpoolOptions& options) {
    auto spool = Spool::Open(files_, options);
    EXPECT_TRUE(spool.ok()) << spool.status();
    return spool.ok() ? *std::move(spool) : nullptr;
  }
  static std::string File(const std::string& id, const std::string& suffix) {
    return "/spool/" + id + suffix;
  }
  static std::string Quarantined(const std::string& id, const std::string& suffix) {
    return "/spool/quarantine/" + id + suffix;
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names = files_.List("/spool").value();
    std::erase(names, "quarantine");
    return names;
  }

  const SpoolOptions options_{"/spool", 1 << 20, 10, 1 << 20};
  FaultFileSystem files_;
  TestDump one_{TestId(1)};
  TestDump two_{TestId(2)};
};

TEST_F(SpoolTest, KeepsDumpOverRestart) {
  ASSERT_TRUE(one_.AddTo(*Open()).ok());
  auto spool = Open();
  EXPECT_THAT(spool->Pending(), ElementsAre(one_.id()));
  EXPECT_EQ(ReadCore(*spool, one_.id()), one_.Core());
}

TEST_F(SpoolTest, KeepsAddedDumpOverPowerCut) {
  ASSERT_TRUE(one_.AddTo(*Open()).ok());
  files_.DropUnsynced();
  auto spool = Open();
  EXPECT_THAT(spool->Pending(), ElementsAre(one_.id()));
  EXPECT_EQ(ReadCore(*spool, one_.id()), one_.Core());
}

TEST_F(SpoolTest, DescribesTheCoreInTheEntry) {
  auto spool = Open();
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  auto entry = spool->Load(one_.id());
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->begin.manifest().vm().name(), "vm-1");
  EXPECT_EQ(entry->begin.core_bytes(), one_.Core().size());
  EXPECT_EQ(Hex(AsBytes(entry->begin.core_sha256())), Hex(Sha256Of(AsBytes(one_.Core()))));
}

TEST_F(SpoolTest, ListsOldestFirst) {
  auto spool = Open();
  ASSERT_TRUE(two_.AddTo(*spool).ok());
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  EXPECT_THAT(spool->Pending(), ElementsAre(one_.id(), two_.id()));
}

TEST_F(SpoolTest, RemoveLeavesNoFile) {
  auto spool = Open();
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  EXPECT_TRUE(spool->Remove(one_.id()).ok());
  EXPECT_THAT(spool->Pending(), IsEmpty());
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(SpoolTest, RefusesTheSameDumpTwice) {
  auto spool = Open();
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(one_.AddTo(*spool).status()));
  EXPECT_EQ(ReadCore(*spool, one_.id()), one_.Core());
}

TEST_F(SpoolTest, RefusesAnIdThatIsNoUlid) {
  for (const char* id : {"", "../../etc/passwd", "a", "01ARZ3NDEKTSV4RRFFQ69G5FA/"}) {
    one_.manifest().set_dump_id(id);
    EXPECT_TRUE(absl::IsInvalidArgument(one_.AddTo(*Open()).status())) << id;
  }
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(SpoolTest, UnknownDumpIsNotFound) {
  auto spool = Open();
  EXPECT_TRUE(absl::IsNotFound(spool->Load(one_.id()).status()));
  EXPECT_TRUE(absl::IsNotFound(spool->OpenCore(one_.id()).status()));
  EXPECT_TRUE(absl::IsNotFound(spool->Remove(one_.id())));
  EXPECT_TRUE(absl::IsNotFound(spool->Quarantine(one_.id(), "why")));
}

TEST_F(SpoolTest, FullByCountRefusesTheNewDump) {
  SpoolOptions options = options_;
  options.max_entries = 1;
  auto spool = Open(options);
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  const absl::Status status = two_.AddTo(*spool).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_entries is 1"));
  EXPECT_THAT(spool->Pending(), ElementsAre(one_.id()));
  EXPECT_EQ(spool->stats().refused, 1U);
}

TEST_F(SpoolTest, FullByBytesRefusesTheNewDump) {
  SpoolOptions options = options_;
  options.max_bytes = one_.layout().file_bytes * 2;
  auto spool = Open(options);
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  const absl::Status status = two_.AddTo(*spool).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_bytes is"));
}

TEST_F(SpoolTest, RemovingMakesRoom) {
  SpoolOptions options = options_;
  options.max_entries = 1;
  auto spool = Open(options);
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  ASSERT_TRUE(spool->Remove(one_.id()).ok());
  EXPECT_TRUE(two_.AddTo(*spool).ok());
}

TEST_F(SpoolTest, KeepsTheFloorOfFreeSpace) {
  auto spool = Open();
  const std::uint64_t need = one_.layout().file_bytes + one_.manifest().ByteSizeLong();
  files_.set_free_bytes(options_.min_free_bytes + need - 1);
  const absl::Status status = one_.AddTo(*spool).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("min_free"));
  files_.set_free_bytes(options_.min_free_bytes + need);
  EXPECT_TRUE(one_.AddTo(*spool).ok());
}

TEST_F(SpoolTest, QuarantineKeepsTheBytesAndTheReason) {
  auto spool = Open();
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  const std::string entry = files_.Contents(File(one_.id(), ".entry"));
  ASSERT_TRUE(spool->Quarantine(one_.id(), "refused").ok());
  EXPECT_THAT(spool->Pending(), IsEmpty());
  EXPECT_EQ(files_.Contents(Quarantined(one_.id(), ".core")), one_.Core());
  EXPECT_EQ(files_.Contents(Quarantined(one_.id(), ".entry")), entry);
  EXPECT_EQ(files_.Contents(Quarantined(one_.id(), ".why")), "refused\n");
}

TEST_F(SpoolTest, EmptyingTheQuarantineMakesRoomWithoutRestart) {
  SpoolOptions options = options_;
  options.max_entries = 1;
  auto spool = Open(options);
  ASSERT_TRUE(one_.AddTo(*spool).ok());
  ASSERT_TRUE(spool->Quarantine(one_.id(), "refused").ok());
  EXPECT_THAT(std::string(two_.AddTo(*spool).status().message()), HasSubstr("in quarantine"));
  for (const char* suffix : {".core", ".entry", ".why"}) {
    ASSERT_TRUE(files_.Remove(Quarantined(one_.id(), suffix)).ok());
  }
  EXPECT_TRUE(two_.AddTo(*spool).ok());
}

TEST_F(SpoolTest, CollectsLeftoversOfAnInterruptedAdd) {
  files_.Put(File(one_.id(), ".core"), "half");
  files_.Put(File(one_.id(), ".entry.tmp"), "half");
  auto spool = Open();
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_TRUE(one_.AddTo(*spool).ok());
}

TEST_F(SpoolTest, NeverTouchesFilesOfOtherNames) {
  files_.Put("/spool/notes.txt", "mine");
  files_.Put("/spool/backup.core", "mine");
  files_.Put("/spool/x.entry", "mine");
  Open();
  EXPECT_THAT(Names(), ElementsAre("backup.core", "notes.txt", "x.entry"));
}

// One dump is damaged on disk in some way while the daemon is down.
struct Damage {
  const char* name;
  void (*inflict)(FaultFileSystem& files, const std::string& path_without_suffix);
  const char* why;
};

class DamagedSpoolTest : public SpoolTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamagedSpoolTest, QuarantinesThatDumpAlone) {
  {
    auto spool = Open();
    ASSERT_TRUE(one_.AddTo(*spool).ok() && two_.AddTo(*spool).ok());
  }
  GetParam().inflict(files_, File(one_.id(), ""));
  auto spool = Open();
  EXPECT_THAT(spool->Pending(), ElementsAre(two_.id()));
  EXPECT_EQ(ReadCore(*spool, two_.id()), two_.Core());
  EXPECT_THAT(files_.Contents(Quarantined(one_.id(), ".why")), HasSubstr(GetParam().why));
  EXPECT_EQ(spool->stats().quarantined_entries, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Damages, DamagedSpoolTest,
    testing::Values(Damage{"FlippedBit",
                           [](FaultFileSystem& files, const std::string& path) {
                             std::string entry = files.Contents(path + ".entry");
                             entry.back() = static_cast<char>(entry.back() ^ 1);
                             files.Put(path + ".entry", entry);
                           },
                           "CRC-32C"},
                    Damage{"TruncatedEntry",
                           [](FaultFileSystem& files, const std::string& path) {
                             const std::string entry = files.Contents(path + ".entry");
                             files.Put(path + ".entry", entry.substr(0, entry.size() - 1));
                           },
                           "were written"},
                    Damage{"EmptyEntry",
                           [](FaultFileSystem& files, const std::string& path) {
                             files.Put(path + ".entry", "");
                           },
                           "spool header"},
                    Damage{"EntryOfAnotherDump",
                           [](FaultFileSystem& files, const std::string& path) {
                             files.Put(path + ".entry",
                                       files.Contents("/spool/" + TestId(2) + ".entry"));
                           },
                           "the manifest is that of dump"},
                    Damage{"ShortCore",
                           [](FaultFileSystem& files, const std::string& path) {
                             files.Put(path + ".core", files.Contents(path + ".core").substr(1));
                           },
                           "the core has"},
                    Damage{"MissingCore",
                           [](FaultFileSystem& files, const std::string& path) {
                             ASSERT_TRUE(files.Remove(path + ".core").ok());
                           },
                           "No such file"}),
    [](const auto& instance) { return std::string(instance.param.name); });

TEST_F(SpoolTest, TakesDumpsFromSeveralThreadsWithinItsLimits) {
  SpoolOptions options = options_;
  options.max_entries = 5;
  auto spool = Open(options);
  std::atomic<int> added = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 4; ++i) {
          if (TestDump(TestId(t * 10 + i)).AddTo(*spool).ok()) ++added;
        }
      });
    }
  }
  EXPECT_EQ(added, 5);
  EXPECT_EQ(spool->Pending().size(), 5U);
  EXPECT_EQ(spool->stats().refused, 11U);
}

TEST(SpoolOnDisk, KeepsDumpOverRestart) {
  const std::unique_ptr<FileSystem> files = MakePosixFileSystem();
  const std::string directory = testing::TempDir() + "/spool_on_disk/" + std::to_string(::getpid());
  const TestDump dump(TestId(1));
  {
    auto spool = Spool::Open(*files, {directory, 1 << 20, 10, 1});
    ASSERT_TRUE(spool.ok()) << spool.status();
    ASSERT_TRUE(dump.AddTo(**spool).ok());
  }
  auto spool = Spool::Open(*files, {directory, 1 << 20, 10, 1});
  ASSERT_TRUE(spool.ok()) << spool.status();
  EXPECT_THAT((*spool)->Pending(), ElementsAre(dump.id()));
  EXPECT_TRUE((*spool)->Remove(dump.id()).ok());
}

}  // namespace
}  // namespace marrow
