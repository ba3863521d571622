// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/seek_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace marrow {
namespace {

using testing::HasSubstr;

constexpr std::uint32_t kMaxContent = 1000;

absl::StatusOr<std::vector<SeekFrame>> Read(const std::string& file) {
  return ReadSeekTable(SpanSource(AsBytes(file)), kMaxContent);
}

// Two frames of 5 and 7 bytes, then their table.
std::string TwoFrames() { return std::string(12, 'f') + EncodeSeekTable({{5, 100}, {7, 50}}); }

template <typename T>
std::string With(std::string file, std::size_t offset, T value) {
  StoreAt(std::as_writable_bytes(std::span(file)), offset, value);
  return file;
}

TEST(SeekTable, HasTheBytesOfTheFormat) {
  EXPECT_EQ(EncodeSeekTable({{5, 100}}), std::string("\x5e\x2a\x4d\x18\x11\0\0\0"
                                                     "\x05\0\0\0\x64\0\0\0"
                                                     "\x01\0\0\0\0\xb1\xea\x92\x8f",
                                                     25));
}

TEST(SeekTable, RoundTrips) {
  const auto frames = Read(TwoFrames());
  ASSERT_TRUE(frames.ok()) << frames.status();
  ASSERT_EQ(frames->size(), 2u);
  EXPECT_EQ((*frames)[1].compressed_bytes, 7u);
  EXPECT_EQ((*frames)[1].content_bytes, 50u);
}

TEST(SeekTable, MayHaveNoFrames) {
  const auto frames = Read(EncodeSeekTable({}));
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_TRUE(frames->empty());
}

TEST(SeekTable, ReadsEntriesWithChecksums) {
  const std::string table(
      "\x5e\x2a\x4d\x18\x15\0\0\0"
      "\x03\0\0\0\x64\0\0\0\xaa\xbb\xcc\xdd"
      "\x01\0\0\0\x80\xb1\xea\x92\x8f",
      29);
  const auto frames = Read("fff" + table);
  ASSERT_TRUE(frames.ok()) << frames.status();
  EXPECT_EQ((*frames)[0].content_bytes, 100u);
}

TEST(SeekTable, RefusesDamage) {
  const std::string good = TwoFrames();
  const std::size_t end = good.size();
  struct {
    std::string file;
    const char* message;
  } const cases[] = {
      {"", "too short"},
      {good.substr(good.size() - 17), "more frames"},
      {good.substr(1), "do not fill"},
      {"x" + good, "do not fill"},
      {With(good, end - 4, std::uint32_t{0}), "no magic"},
      {With(good, end - 5, std::uint8_t{4}), "reserved bits"},
      {With(good, end - 9, std::uint32_t{3}), "does not begin"},
      {With(good, end - 9, std::uint32_t{0xffffffff}), "more frames"},
      {With(good, 12, std::uint32_t{0}), "does not begin"},
      {With(good, 16, std::uint32_t{0}), "does not begin"},
      {With(good, 24, kMaxContent + 1), "too large"},
  };
  for (const auto& c : cases) {
    const auto frames = Read(c.file);
    EXPECT_EQ(frames.status().code(), absl::StatusCode::kDataLoss) << c.message;
    EXPECT_THAT(std::string(frames.status().message()), HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace marrow
