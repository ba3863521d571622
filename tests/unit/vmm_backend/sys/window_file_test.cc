// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/sys/window_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>

namespace marrow {
namespace {

using testing::HasSubstr;

class WindowFileTest : public testing::Test {
 protected:
  WindowFileTest() {
    std::string pattern = testing::TempDir() + "marrow-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    path_ = directory_ + "/window";
  }
  ~WindowFileTest() override { std::filesystem::remove_all(directory_); }

  template <typename T>
  static T Read(const WindowFile& window, std::size_t offset) {
    T value{};
    EXPECT_TRUE(window.ReadAt(offset, std::as_writable_bytes(std::span(&value, 1))).ok());
    return value;
  }
  void WriteByte(std::size_t offset, char value) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset)).put(value);
  }

  std::string directory_;
  std::string path_;
};

TEST_F(WindowFileTest, CreatesAndFormats) {
  const auto window = WindowFile::Open(path_, 65536, {1, 2});
  ASSERT_TRUE(window.ok()) << window.status();
  EXPECT_EQ(std::filesystem::file_size(path_), 65536u);
  const auto host = Read<marrow_host_identity>(*window, 0);
  EXPECT_EQ(host.magic, MARROW_HOST_MAGIC);
  EXPECT_EQ(host.window_bytes, 65536u);
  EXPECT_EQ(host.nonce[1], 2);
  const auto ack = Read<marrow_host_ack>(*window, offsetof(marrow_window_header, ack));
  EXPECT_EQ(ack.presence, MARROW_HOST_ABSENT);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(WindowFileTest, KeepsWhatARunningGuestPublished) {
  {
    auto first = WindowFile::Open(path_, 65536, {1});
    ASSERT_TRUE(first.ok());
    marrow_host_ack ack{};
    ack.crash_captured = 1;
    ASSERT_TRUE(first->WriteAck(ack).ok());
    WriteByte(offsetof(marrow_window_header, guest), 'x');
  }
  const auto window = WindowFile::Open(path_, 65536, {9});
  ASSERT_TRUE(window.ok());
  EXPECT_EQ(Read<char>(*window, offsetof(marrow_window_header, guest)), 'x');
  EXPECT_EQ(Read<marrow_host_identity>(*window, 0).nonce[0], 1);
  EXPECT_EQ(Read<marrow_host_ack>(*window, offsetof(marrow_window_header, ack)).crash_captured, 1u);
}

TEST_F(WindowFileTest, FormatsAgainOverAnythingElse) {
  ASSERT_TRUE(WindowFile::Open(path_, 65536, {1}).ok());
  WriteByte(offsetof(marrow_window_header, guest), 'x');
  WriteByte(offsetof(marrow_host_identity, magic), 'x');
  const auto window = WindowFile::Open(path_, 65536, {9});
  ASSERT_TRUE(window.ok());
  EXPECT_EQ(Read<marrow_host_identity>(*window, 0).nonce[0], 9);
  EXPECT_EQ(Read<char>(*window, offsetof(marrow_window_header, guest)), 0);
}

TEST_F(WindowFileTest, ForgetsAGuestButNotItsDoorbell) {
  auto window = WindowFile::Open(path_, 65536, {0xff, 1});
  ASSERT_TRUE(window.ok());
  WriteByte(offsetof(marrow_window_header, guest), 'x');
  WriteByte(offsetof(marrow_window_header, panic), 'x');
  WriteByte(offsetof(marrow_window_header, request), 7);
  WriteByte(offsetof(marrow_window_header, request) + 8, 'x');
  ASSERT_TRUE(window->ClearGuest().ok());
  const auto header = Read<marrow_window_header>(*window, 0);
  EXPECT_EQ(header.guest.magic, 0u);
  EXPECT_EQ(header.panic.valid, 0u);
  EXPECT_EQ(header.request.sequence, 7u);
  EXPECT_EQ(header.request.kind, 0u);
  EXPECT_EQ(header.host.magic, MARROW_HOST_MAGIC);
  EXPECT_EQ(header.host.nonce[0], 0);  // another nonce: a guest that lives publishes anew
  EXPECT_EQ(header.host.nonce[1], 2);
}

TEST_F(WindowFileTest, IsHeldByOneDaemonAtATime) {
  const auto first = WindowFile::Open(path_, 65536, {});
  ASSERT_TRUE(first.ok());
  const absl::Status second = WindowFile::Open(path_, 65536, {}).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("another marrowd"));
}

TEST_F(WindowFileTest, RefusesSizesThatTheAbiHasNot) {
  for (const std::uint64_t bytes : {0ull, 2048ull, 4097ull, 12288ull, 1ull << 25, ~0ull}) {
    EXPECT_THAT(std::string(WindowFile::Open(path_, bytes, {}).status().message()),
                HasSubstr("power of two"));
  }
  ASSERT_TRUE(WindowFile::Open(path_, 65536, {}).ok());
  EXPECT_THAT(std::string(WindowFile::Open(path_, 4096, {}).status().message()),
              HasSubstr("65536 bytes, configured are 4096"));
}

TEST_F(WindowFileTest, RefusesALinkInItsPlace) {
  std::filesystem::create_symlink("/etc/passwd", path_);
  EXPECT_FALSE(WindowFile::Open(path_, 65536, {}).ok());
}

TEST_F(WindowFileTest, ReportsAFileThatShrank) {
  const auto window = WindowFile::Open(path_, 65536, {});
  ASSERT_TRUE(window.ok());
  std::filesystem::resize_file(path_, 100);
  char byte = 0;
  EXPECT_FALSE(window->ReadAt(4096, std::as_writable_bytes(std::span(&byte, 1))).ok());
}

}  // namespace
}  // namespace marrow
