// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdint>
#include <random>
#include <string>

#include "server/blobs/seekable_reader.h"
#include "server/blobs/seekable_writer.h"

namespace marrow {
namespace {

// A source that owns its bytes.
class OwnedSource final : public ByteSource {
 public:
  explicit OwnedSource(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override {
    return SpanSource(AsBytes(text_)).ReadAt(offset, out);
  }

 private:
  const std::string text_;
};

std::string Content(std::size_t bytes) {
  std::mt19937 random(static_cast<std::uint32_t>(bytes));
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    text[i] = static_cast<char>(i % 64 == 0 ? random() : i / 1000);
  }
  return text;
}

std::string Pack(const std::string& content) {
  StringSink sink;
  EXPECT_TRUE(WriteSeekable(SpanSource(AsBytes(content)), 3, sink, [](Bytes) {}).ok());
  return sink.text;
}

absl::StatusOr<std::string> ReadRange(const ByteSource& source, std::uint64_t offset,
                                      std::size_t bytes) {
  std::string out(bytes, '\0');
  absl::Status status = source.ReadAt(offset, std::as_writable_bytes(std::span(out)));
  if (!status.ok()) return status;
  return out;
}

class SeekableSizes : public testing::TestWithParam<std::size_t> {};

TEST_P(SeekableSizes, RoundTripByRandomAccess) {
  const std::string content = Content(GetParam());
  const auto reader = SeekableReader::Open(std::make_unique<OwnedSource>(Pack(content)));
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ((*reader)->size(), content.size());
  std::mt19937_64 random(1);
  for (int i = 0; i < 50; ++i) {
    const std::size_t at = random() % (content.size() + 1);
    const std::size_t n = random() % (content.size() - at + 1);
    const auto range = ReadRange(**reader, at, n);
    ASSERT_TRUE(range.ok()) << range.status();
    ASSERT_EQ(*range, content.substr(at, n)) << at << "+" << n;
  }
}

TEST_P(SeekableSizes, AreReadByAnyZstdDecoder) {
  const std::string content = Content(GetParam());
  const std::string packed = Pack(content);
  std::string out(content.size() + 1, '\0');
  const std::size_t n = ZSTD_decompress(out.data(), out.size(), packed.data(), packed.size());
  ASSERT_FALSE(ZSTD_isError(n)) << ZSTD_getErrorName(n);
  EXPECT_EQ(out.substr(0, n), content);
}

INSTANTIATE_TEST_SUITE_P(Edges, SeekableSizes,
                         testing::Values(0, 1, kSeekFrameBytes - 1, kSeekFrameBytes,
                                         kSeekFrameBytes + 1, 12 * kSeekFrameBytes + 17));

TEST(SeekableWriter, ShowsTheContentInOrder) {
  const std::string content = Content(3 * kSeekFrameBytes + 5);
  std::string seen;
  StringSink sink;
  ASSERT_TRUE(WriteSeekable(SpanSource(AsBytes(content)), 3, sink, [&](Bytes bytes) {
                seen.append(AsText(bytes).data(), bytes.size());
              }).ok());
  EXPECT_EQ(seen, content);
}

TEST(SeekableReader, RefusesReadsPastTheEnd) {
  const auto reader = SeekableReader::Open(std::make_unique<OwnedSource>(Pack("12345")));
  ASSERT_TRUE(reader.ok());
  for (const auto& [offset, bytes] :
       {std::pair<std::uint64_t, std::size_t>{0, 6}, {5, 1}, {6, 0}, {UINT64_MAX, 2}}) {
    EXPECT_TRUE(absl::IsOutOfRange(ReadRange(**reader, offset, bytes).status()))
        << offset << "+" << bytes;
  }
  EXPECT_TRUE(ReadRange(**reader, 5, 0).ok());
}

TEST(SeekableReader, FindsDamageInTheFrameThatHasIt) {
  std::string packed = Pack(Content(4 * kSeekFrameBytes));
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x40);
  const auto reader = SeekableReader::Open(std::make_unique<OwnedSource>(packed));
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE(ReadRange(**reader, 0, kSeekFrameBytes).ok());
  EXPECT_TRUE(absl::IsDataLoss(ReadRange(**reader, 0, 4 * kSeekFrameBytes).status()));
}

}  // namespace
}  // namespace marrow
