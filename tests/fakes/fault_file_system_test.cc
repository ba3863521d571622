// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fault_file_system.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

class FaultFileSystemTest : public testing::Test {
 protected:
  FaultFileSystemTest() { EXPECT_TRUE(files_.CreateDirectories("/d").ok()); }

  FaultFileSystem files_;
};

TEST_F(FaultFileSystemTest, PowerCutKeepsWhatWriteFileDurablyWrote) {
  ASSERT_TRUE(WriteFileDurably(files_, "/d/f", AsBytes("new")).ok());
  files_.DropUnsynced();
  EXPECT_EQ(files_.Contents("/d/f"), "new");
  EXPECT_EQ(*files_.List("/d"), std::vector<std::string>{"f"});
}

TEST_F(FaultFileSystemTest, PowerCutDropsUnsyncedName) {
  auto file = files_.Create("/d/f");
  ASSERT_TRUE(file.ok() && (*file)->Append(AsBytes("x")).ok() && (*file)->Sync().ok());
  files_.DropUnsynced();
  EXPECT_FALSE(files_.Exists("/d/f"));
}

TEST_F(FaultFileSystemTest, PowerCutDropsUnsyncedData) {
  auto file = files_.Create("/d/f");
  ASSERT_TRUE(file.ok() && (*file)->Append(AsBytes("kept")).ok() && (*file)->Sync().ok());
  ASSERT_TRUE((*file)->Append(AsBytes("lost")).ok() && files_.SyncDirectory("/d").ok());
  files_.DropUnsynced();
  EXPECT_EQ(files_.Contents("/d/f"), "kept");
}

TEST_F(FaultFileSystemTest, PowerCutBringsBackUnsyncedRemoval) {
  files_.Put("/d/f", "x");
  ASSERT_TRUE(files_.Remove("/d/f").ok());
  files_.DropUnsynced();
  EXPECT_EQ(files_.Contents("/d/f"), "x");
}

TEST_F(FaultFileSystemTest, GivesAnExclusiveFileToOneAtATime) {
  auto first = files_.OpenExclusively("/d/a");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(files_.OpenExclusively("/d/a").status()));
  first->reset();
  EXPECT_TRUE(files_.OpenExclusively("/d/a").ok());
}

TEST_F(FaultFileSystemTest, FailsOnlyTheChosenOperation) {
  files_.FailAt(2);
  EXPECT_TRUE(files_.Create("/d/a").ok());
  EXPECT_FALSE(files_.Create("/d/b").ok());
  EXPECT_TRUE(files_.Create("/d/c").ok());
  EXPECT_TRUE(files_.fault_hit());
}

TEST_F(FaultFileSystemTest, FailsEverythingAfterADeath) {
  files_.FailAt(1, FaultFileSystem::Fault::kFromThenOn, absl::ResourceExhaustedError("full"));
  EXPECT_TRUE(absl::IsResourceExhausted(files_.SyncDirectory("/d")));
  EXPECT_TRUE(absl::IsResourceExhausted(files_.SyncDirectory("/d")));
  files_.Heal();
  EXPECT_TRUE(files_.SyncDirectory("/d").ok());
}

TEST_F(FaultFileSystemTest, LosesDirectoriesOfWhichTheParentWasNotSynced) {
  files_.FailAt(1);
  EXPECT_FALSE(files_.CreateDirectories("/d/e").ok());
  files_.Heal();
  EXPECT_TRUE(files_.CreateDirectories("/d/e").ok());
  files_.DropUnsynced();
  EXPECT_TRUE(absl::IsNotFound(files_.Create("/d/e/f").status()));
}

TEST_F(FaultFileSystemTest, KeepsDirectoriesOfWhichTheParentWasSynced) {
  files_.FailAt(1);
  EXPECT_FALSE(files_.CreateDirectories("/d/e").ok());
  files_.Heal();
  EXPECT_TRUE(files_.SyncDirectory("/d").ok());
  files_.DropUnsynced();
  EXPECT_TRUE(files_.Create("/d/e/f").ok());
}

TEST_F(FaultFileSystemTest, FailingAppendIsShort) {
  auto file = files_.Create("/d/f");
  ASSERT_TRUE(file.ok());
  files_.FailAt(1);
  EXPECT_FALSE((*file)->Append(AsBytes("1234")).ok());
  EXPECT_EQ(files_.Contents("/d/f"), "12");
}

}  // namespace
}  // namespace marrow
