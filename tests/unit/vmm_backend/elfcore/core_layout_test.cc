// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "vmm_backend/elfcore/core_writer.h"
#include "vmm_backend/elfcore/elf_format.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;

CoreLayout LayOut(CoreContent content) {
  absl::StatusOr<CoreLayout> layout = LayOutCore(std::move(content));
  EXPECT_TRUE(layout.ok()) << layout.status();
  return *std::move(layout);
}

TEST(CoreLayout, MergesAdjacentPages) {
  const CoreLayout layout = LayOut({.pages = {Gpa{0x1000}, Gpa{0x2000}, Gpa{0x5000}}});
  const std::uint64_t at = layout.pages_offset;
  EXPECT_THAT(layout.segments,
              ElementsAre(FieldsAre(Gva{0x1000}, Gpa{0x1000}, at, 0x2000u, 0x2000u),
                          FieldsAre(Gva{0x5000}, Gpa{0x5000}, at + 0x2000, 0x1000u, 0x1000u)));
  EXPECT_EQ(at % kPageBytes, 0u);
  EXPECT_EQ(layout.file_bytes, at + 0x3000);
}

TEST(CoreLayout, PutsPagesAtTheirDirectMapAddress) {
  const CoreLayout layout = LayOut({.direct_map = 0xffff'8880'0000'0000, .pages = {Gpa{0x1000}}});
  EXPECT_EQ(layout.segments[0].vaddr, Gva{0xffff'8880'0000'1000});
}

TEST(CoreLayout, FallsBackToGpaWhenTheDirectMapCannotBe) {
  const CoreLayout layout = LayOut(
      {.direct_map = std::numeric_limits<std::uint64_t>::max() - 0x800, .pages = {Gpa{0x1000}}});
  EXPECT_EQ(layout.segments[0].vaddr, Gva{0x1000});
}

TEST(CoreLayout, ShowsZeroPagesWithoutBytesInTheFile) {
  const CoreLayout layout = LayOut({.pages = {Gpa{0x1000}, Gpa{0x4000}},
                                    .zero_pages = {Gpa{0}, Gpa{0x2000}, Gpa{0x3000}},
                                    .aliases = {{Gva{0xa000}, Gpa{0x1000}, 0x4000}}});
  const std::uint64_t at = layout.pages_offset;
  EXPECT_THAT(layout.segments,
              ElementsAre(FieldsAre(Gva{0}, Gpa{0}, at, 0u, 0x1000u),
                          FieldsAre(Gva{0x1000}, Gpa{0x1000}, at, 0x1000u, 0x1000u),
                          FieldsAre(Gva{0x2000}, Gpa{0x2000}, at + 0x1000, 0u, 0x2000u),
                          FieldsAre(Gva{0x4000}, Gpa{0x4000}, at + 0x1000, 0x1000u, 0x1000u),
                          FieldsAre(Gva{0xa000}, Gpa{0x1000}, at, 0x1000u, 0x1000u),
                          FieldsAre(Gva{0xb000}, Gpa{0x2000}, at + 0x1000, 0u, 0x2000u),
                          FieldsAre(Gva{0xd000}, Gpa{0x4000}, at + 0x1000, 0x1000u, 0x1000u)));
  EXPECT_EQ(layout.file_bytes, at + 0x2000);
}

TEST(CoreLayout, CutsAndJoinsAliasesOfZeroPages) {
  const CoreLayout layout =
      LayOut({.direct_map = 1 << 30,
              .pages = {},
              .zero_pages = {Gpa{0x1000}, Gpa{0x2000}, Gpa{0x3000}},
              .aliases = {{Gva{0xa000}, Gpa{0x1000}, 0x2000}, {Gva{0xb000}, Gpa{0x2000}, 0x2000}}});
  ASSERT_EQ(layout.segments.size(), 2u);
  EXPECT_THAT(layout.segments[1],
              FieldsAre(Gva{0xa000}, Gpa{0x1000}, layout.pages_offset, 0u, 0x3000u));
}

TEST(CoreLayout, RefusesAPageThatIsBothThereAndZero) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      LayOutCore({.pages = {Gpa{0x1000}}, .zero_pages = {Gpa{0x1000}}}).status()));
}

TEST(CoreLayout, CutsAliasesShortForTheLimitOfSegments) {
  for (const std::uint64_t most : {0u, 3u, 4u, 5u, 6u, 7u, 8u}) {
    const CoreLayout layout =
        LayOut({.direct_map = 1 << 30,
                .pages = {Gpa{0x1000}},
                .zero_pages = {Gpa{0x2000}},
                .aliases = {{Gva{0xa000}, Gpa{0x1000}, 0x2000}, {Gva{0xd000}, Gpa{0x1000}, 0x2000}},
                .most_segments = most});
    const std::uint64_t expected = std::clamp<std::uint64_t>(most, 3, 7);
    EXPECT_EQ(layout.segment_count, expected) << most;
    EXPECT_EQ(layout.alias_parts_left_out, 7 - expected) << most;
  }
}

TEST(CoreLayout, HasNoMoreSegmentsThanItsReaderTakes) {
  CoreContent content{.direct_map = std::uint64_t{1} << 40};
  constexpr std::uint64_t kPages = 61443;  // each second one of zeros, mapped 19 times
  for (std::uint64_t page = 0; page < kPages; ++page) {
    (page % 2 == 0 ? content.pages : content.zero_pages).push_back(Gpa{page * kPageBytes});
  }
  for (std::uint64_t i = 1; i < 19; ++i) {
    content.aliases.push_back({Gva{i << 30}, Gpa{0}, kPages * kPageBytes});
  }
  EXPECT_EQ(LayOut(std::move(content)).segment_count, CoreLimits{}.segments);
}

TEST(CoreLayout, LeavesOutAliasesThatTheDirectMapSays) {
  const CoreLayout layout =
      LayOut({.direct_map = 0xffff'8880'0000'0000,
              .pages = {Gpa{0x1000}},
              .aliases = {{Gva{0xffff'8880'0000'1000}, Gpa{0x1000}, 0x1000}}});
  EXPECT_EQ(layout.segments.size(), 1u);
}

struct AliasCase {
  const char* name;
  VirtualAlias alias;
  std::vector<CoreSegment> expected;  // file offsets from the first page
};

TEST(CoreLayout, CutsAliasesToThePagesThatAreThere) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  const AliasCase cases[] = {
      {"exact",
       {Gva{0xa000}, Gpa{0x1000}, 0x2000},
       {{Gva{0xa000}, Gpa{0x1000}, 0, 0x2000, 0x2000}}},
      {"inside",
       {Gva{0xa000}, Gpa{0x2000}, 0x1000},
       {{Gva{0xa000}, Gpa{0x2000}, 0x1000, 0x1000, 0x1000}}},
      {"head", {Gva{0xa000}, Gpa{0}, 0x2000}, {{Gva{0xb000}, Gpa{0x1000}, 0, 0x1000, 0x1000}}},
      {"tail",
       {Gva{0xa000}, Gpa{0x5000}, 0x9000},
       {{Gva{0xa000}, Gpa{0x5000}, 0x2000, 0x1000, 0x1000}}},
      {"across the hole",
       {Gva{0xa000}, Gpa{0x2000}, 0x4000},
       {{Gva{0xa000}, Gpa{0x2000}, 0x1000, 0x1000, 0x1000},
        {Gva{0xd000}, Gpa{0x5000}, 0x2000, 0x1000, 0x1000}}},
      {"in the hole", {Gva{0xa000}, Gpa{0x3000}, 0x2000}, {}},
      {"behind all", {Gva{0xa000}, Gpa{0x6000}, 0x2000}, {}},
      {"empty", {Gva{0xa000}, Gpa{0x1000}, 0}, {}},
      {"wraps in gpa", {Gva{0xa000}, Gpa{0x1000}, kMax}, {}},
      {"wraps in gva", {Gva{kMax - 0xfff}, Gpa{0x1000}, 0x2000}, {}},
  };
  for (const AliasCase& test : cases) {
    const CoreLayout layout =
        LayOut({.pages = {Gpa{0x1000}, Gpa{0x2000}, Gpa{0x5000}}, .aliases = {test.alias}});
    std::vector<CoreSegment> aliases(layout.segments.begin() + 2, layout.segments.end());
    ASSERT_EQ(aliases.size(), test.expected.size()) << test.name;
    for (std::size_t i = 0; i < aliases.size(); ++i) {
      EXPECT_EQ(aliases[i].vaddr, test.expected[i].vaddr) << test.name;
      EXPECT_EQ(aliases[i].paddr, test.expected[i].paddr) << test.name;
      EXPECT_EQ(aliases[i].file_offset, layout.pages_offset + test.expected[i].file_offset)
          << test.name;
      EXPECT_EQ(aliases[i].file_bytes, test.expected[i].file_bytes) << test.name;
    }
  }
}

TEST(CoreLayout, JoinsNeighbouringAliasesAndDropsSecondClaims) {
  const CoreLayout layout = LayOut({.pages = {Gpa{0x1000}, Gpa{0x2000}},
                                    .aliases = {{Gva{0xb000}, Gpa{0x2000}, 0x1000},
                                                {Gva{0xa000}, Gpa{0x1000}, 0x1000},
                                                {Gva{0xa800}, Gpa{0x1000}, 0x800}}});
  ASSERT_EQ(layout.segments.size(), 2u);
  EXPECT_EQ(layout.segments[1].vaddr, Gva{0xa000});
  EXPECT_EQ(layout.segments[1].file_bytes, 0x2000u);
}

TEST(CoreLayout, RefusesPagesOutOfOrder) {
  for (const std::vector<Gpa>& pages :
       {std::vector{Gpa{0x2000}, Gpa{0x1000}}, std::vector{Gpa{0x1000}, Gpa{0x1000}},
        std::vector{Gpa{0x1001}}, std::vector{Gpa{0xffff'ffff'ffff'f000}}}) {
    EXPECT_EQ(LayOutCore({.pages = pages}).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(CoreLayout, HoldsACoreWithoutPages) {
  const CoreLayout layout = LayOut({});
  EXPECT_THAT(layout.segments, IsEmpty());
  EXPECT_EQ(layout.file_bytes, layout.pages_offset);
}

// Every count around PN_XNUM, the PT_NOTE counted in: written, then read back by our own reader.
TEST(CoreLayout, CountsSegmentsAroundPnXnum) {
  const std::string page(kPageBytes, 'p');
  for (const std::uint64_t count : {kPnXnum - 1, kPnXnum, kPnXnum + 1}) {
    CoreContent content;
    for (std::uint64_t i = 0; i + 1 < count; ++i) content.pages.push_back(Gpa{i * 2 * kPageBytes});
    const CoreLayout layout = LayOut(std::move(content));
    ASSERT_EQ(layout.segment_count, count);
    StringSink sink;
    ASSERT_TRUE(WriteCore(
                    layout, [&](std::size_t) { return AsBytes(page); }, sink)
                    .ok());
    ASSERT_EQ(sink.text.size(), layout.file_bytes);
    const auto header = LoadAt<Elf64_Ehdr>(AsBytes(sink.text), 0);
    EXPECT_EQ(header.e_phnum, std::min(count, kPnXnum));
    EXPECT_EQ(header.e_shnum, count >= kPnXnum ? 1 : 0);
    const SpanSource source(AsBytes(sink.text));
    const auto core = CoreReader::Open(source);
    ASSERT_TRUE(core.ok()) << core.status();
    EXPECT_EQ(core->segments().size(), count - 1);
  }
}

}  // namespace
}  // namespace marrow
