// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/page_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_vm.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kManyMissing = 256;

TEST(PageReader, KeepsPagesInOrder) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  memory.Write(0x1000, "one");
  memory.Write(0x2000, "two");
  memory.Write(0x9000, "nine");
  std::vector<MissingPart> missing;
  PageReader reader(memory, 0);
  const CapturedPages pages =
      reader.Read({Gpa{0x1000}, Gpa{0x2000}, Gpa{0x9000}}, kManyMissing, missing);
  EXPECT_THAT(missing, IsEmpty());
  ASSERT_THAT(pages.pages, SizeIs(3));
  EXPECT_EQ(AsText(pages.Page(1)).substr(0, 3), "two");
  EXPECT_EQ(AsText(pages.Page(2)).substr(0, 4), "nine");
  EXPECT_TRUE(pages.Contains(Gpa{0x9000}));
  EXPECT_FALSE(pages.Contains(Gpa{0x3000}));
  EXPECT_EQ(memory.reads(), 2u);
}

TEST(CapturedPages, SetsZerosApart) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  memory.Write(0x1000, "one");
  memory.Write(0x3fff, "x");
  std::vector<MissingPart> missing;
  CapturedPages pages = PageReader(memory, 0).Read({Gpa{0}, Gpa{0x1000}, Gpa{0x2000}, Gpa{0x3000}},
                                                   kManyMissing, missing);
  pages.SetZerosApart();
  EXPECT_THAT(pages.pages, ElementsAre(Gpa{0x1000}, Gpa{0x3000}));
  EXPECT_THAT(pages.zero_pages, ElementsAre(Gpa{0}, Gpa{0x2000}));
  EXPECT_EQ(AsText(pages.Page(1)).back(), 'x');
  EXPECT_EQ(pages.size(), 4u);
  EXPECT_TRUE(pages.Contains(Gpa{0x2000}));
}

TEST(PageReader, LeavesOutOnlyThePagesThatFail) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  std::vector<Gpa> wanted;
  for (std::uint64_t page = 0; page < 6; ++page) {
    wanted.push_back(Gpa{page << 12});
    memory.Write(page << 12, std::string(1, static_cast<char>('a' + page)));
  }
  memory.Break(0x2000);
  memory.Break(0x3000);
  std::vector<MissingPart> missing;
  const CapturedPages pages = PageReader(memory, 0).Read(wanted, kManyMissing, missing);
  EXPECT_THAT(pages.pages, ElementsAre(Gpa{0}, Gpa{0x1000}, Gpa{0x4000}, Gpa{0x5000}));
  EXPECT_EQ(AsText(pages.Page(2))[0], 'e');
  EXPECT_EQ(pages.store.size(), 4u);
  ASSERT_THAT(missing, SizeIs(1));
  EXPECT_EQ(missing[0].address, 0x2000u);
  EXPECT_EQ(missing[0].bytes, 0x2000u);
}

TEST(PageReader, TellsOfSoManyPagesThatFailAndCountsTheOthers) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  std::vector<Gpa> wanted;
  for (const std::uint64_t page : {1u, 3u, 4u, 6u, 8u}) {
    wanted.push_back(Gpa{page << 12});
    memory.Break(page << 12);
  }
  std::vector<MissingPart> missing = {{.what = "something else"}};
  const CapturedPages pages = PageReader(memory, 0).Read(wanted, 2, missing);
  ASSERT_THAT(missing, SizeIs(3));
  EXPECT_EQ(missing[2].bytes, 0x2000u);
  EXPECT_EQ(pages.missing_not_listed, 2u);
}

TEST(PageReader, ReadsEachPageOnceAndShowsTheSameBytesForGood) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  memory.Write(0x2000, "before");
  PageReader reader(memory, 16);
  EXPECT_EQ(AsText(*reader.Page(Gpa{0x2000})).substr(0, 6), "before");
  memory.Write(0x2000, "behind");
  EXPECT_TRUE(reader.Page(Gpa{0x2000}).ok());
  EXPECT_EQ(memory.reads(), 1u);
  std::vector<MissingPart> missing;
  const CapturedPages pages =
      reader.Read({Gpa{0x1000}, Gpa{0x2000}, Gpa{0x3000}, Gpa{0x4000}}, kManyMissing, missing);
  EXPECT_EQ(AsText(pages.Page(1)).substr(0, 6), "before");
  EXPECT_EQ(memory.reads(), 3u);
}

TEST(PageReader, AsksOnceForAPageThatFails) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  memory.Break(0x2000);
  PageReader reader(memory, 16);
  EXPECT_FALSE(reader.Page(Gpa{0x2000}).ok());
  EXPECT_FALSE(reader.Page(Gpa{0x2000}).ok());
  EXPECT_FALSE(reader.Page(Gpa{1 << 20}).ok());
  std::vector<MissingPart> missing;
  EXPECT_THAT(reader.Read({Gpa{0x2000}}, kManyMissing, missing).pages, IsEmpty());
  EXPECT_THAT(missing, SizeIs(1));
  EXPECT_EQ(memory.reads(), 2u);
}

TEST(PageReader, LooksAtNoMorePagesAheadThanItMay) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  PageReader reader(memory, 2);
  EXPECT_TRUE(reader.Page(Gpa{0x1000}).ok());
  EXPECT_TRUE(reader.Page(Gpa{0x2000}).ok());
  EXPECT_TRUE(reader.Page(Gpa{0x1000}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(reader.Page(Gpa{0x3000}).status()));
  std::vector<MissingPart> missing;
  EXPECT_THAT(reader.Read({Gpa{0x1000}, Gpa{0x3000}}, kManyMissing, missing).pages, SizeIs(2));
}

TEST(PageReader, KeepsMorePagesThanOneChunkHolds) {
  FakeGuestMemory memory({{Gpa{0}, 4 << 20}});
  std::vector<Gpa> wanted;
  for (std::uint64_t page = 0; page < 600; ++page) {
    wanted.push_back(Gpa{page << 12});
    memory.WriteWord(page << 12, page);
  }
  PageReader reader(memory, 16);
  EXPECT_TRUE(reader.Page(Gpa{300 << 12}).ok());
  std::vector<MissingPart> missing;
  const CapturedPages pages = reader.Read(wanted, kManyMissing, missing);
  ASSERT_THAT(pages.pages, SizeIs(600));
  for (std::size_t i = 0; i < 600; ++i) EXPECT_EQ(LoadAt<std::uint64_t>(pages.Page(i), 0), i);
}

}  // namespace
}  // namespace marrow
