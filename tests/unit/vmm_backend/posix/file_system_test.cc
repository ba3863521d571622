// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/posix/file_system.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace marrow {
namespace {

class FileSystemTest : public testing::Test {
 protected:
  FileSystemTest() {
    std::string pattern = testing::TempDir() + "marrow-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileSystemTest() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
  std::unique_ptr<FileSystem> files_ = MakePosixFileSystem();
};

TEST_F(FileSystemTest, AppendsAndReadsBack) {
  auto file = files_->Create(Path("a"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE((*file)->Append(AsBytes("one ")).ok());
  ASSERT_TRUE((*file)->Append(AsBytes("two")).ok());
  ASSERT_TRUE((*file)->Sync().ok());
  EXPECT_EQ((*file)->size(), 7u);
  std::string text(3, '\0');
  ASSERT_TRUE((*file)->ReadAt(4, std::as_writable_bytes(std::span(text))).ok());
  EXPECT_EQ(text, "two");
  EXPECT_EQ((*file)->ReadAt(5, std::as_writable_bytes(std::span(text))).code(),
            absl::StatusCode::kOutOfRange);
}

TEST_F(FileSystemTest, ContinuesAnExistingFile) {
  ASSERT_TRUE(WriteFileDurably(*files_, Path("a"), AsBytes("abcdef")).ok());
  auto file = files_->OpenForAppend(Path("a"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Truncate(2).ok());
  ASSERT_TRUE((*file)->Append(AsBytes("X")).ok());
  EXPECT_EQ(*ReadWholeFile(*files_, Path("a"), 100), "abX");
}

TEST_F(FileSystemTest, GivesAnExclusiveFileToOneAtATime) {
  auto first = files_->OpenExclusively(Path("a"));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE((*first)->Append(AsBytes("one ")).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(files_->OpenExclusively(Path("a")).status()));
  first->reset();
  auto second = files_->OpenExclusively(Path("a"));
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE((*second)->Append(AsBytes("two")).ok());
  EXPECT_EQ(*ReadWholeFile(*files_, Path("a"), 100), "one two");
}

TEST_F(FileSystemTest, MakesAnExclusiveFileAnewOnceItIsRenamed) {
  auto first = files_->OpenExclusively(Path("a"));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(files_->Rename(Path("a"), Path("b")).ok());
  EXPECT_TRUE(files_->OpenExclusively(Path("a")).ok());
}

TEST_F(FileSystemTest, ReplacesDurablyAndLeavesNoTemporary) {
  ASSERT_TRUE(WriteFileDurably(*files_, Path("a"), AsBytes("old")).ok());
  ASSERT_TRUE(WriteFileDurably(*files_, Path("a"), AsBytes("new")).ok());
  EXPECT_EQ(*ReadWholeFile(*files_, Path("a"), 100), "new");
  EXPECT_EQ(*files_->List(directory_), std::vector<std::string>{"a"});
}

TEST_F(FileSystemTest, NamesThePathInErrors) {
  const absl::Status missing = files_->OpenForRead(Path("absent")).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(missing.message().find("absent"), absl::string_view::npos);
  ASSERT_TRUE(files_->Create(Path("a")).ok());
  EXPECT_EQ(files_->Create(Path("a")).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(FileSystemTest, RefusesToReadMoreThanAllowed) {
  ASSERT_TRUE(WriteFileDurably(*files_, Path("a"), AsBytes("12345")).ok());
  EXPECT_EQ(ReadWholeFile(*files_, Path("a"), 4).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(FileSystemTest, CreatesNestedDirectoriesOnceAndAgain) {
  ASSERT_TRUE(files_->CreateDirectories(Path("x/y/z")).ok());
  ASSERT_TRUE(files_->CreateDirectories(Path("x/y/z")).ok());
  EXPECT_TRUE(std::filesystem::is_directory(Path("x/y/z")));
  ASSERT_TRUE(files_->Create(Path("x/f")).ok());
  EXPECT_FALSE(files_->CreateDirectories(Path("x/f")).ok());
}

TEST_F(FileSystemTest, DoesNotFollowALinkPlantedInItsPlace) {
  ASSERT_TRUE(WriteFileDurably(*files_, Path("victim"), AsBytes("keep")).ok());
  std::filesystem::create_symlink(Path("victim"), Path("link"));
  EXPECT_FALSE(files_->OpenForAppend(Path("link")).ok());
}

}  // namespace
}  // namespace marrow
