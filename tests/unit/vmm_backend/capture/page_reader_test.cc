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

TEST(ReadPages, KeepsPagesInOrder) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  memory.Write(0x1000, "one");
  memory.Write(0x2000, "two");
  memory.Write(0x9000, "nine");
  std::vector<MissingPart> missing;
  const CapturedPages pages = ReadPages(memory, {Gpa{0x1000}, Gpa{0x2000}, Gpa{0x9000}}, missing);
  EXPECT_THAT(missing, IsEmpty());
  ASSERT_THAT(pages.pages, SizeIs(3));
  EXPECT_EQ(AsText(pages.Page(1)).substr(0, 3), "two");
  EXPECT_EQ(AsText(pages.Page(2)).substr(0, 4), "nine");
  EXPECT_TRUE(pages.Contains(Gpa{0x9000}));
  EXPECT_FALSE(pages.Contains(Gpa{0x3000}));
  EXPECT_EQ(memory.reads(), 2u);
}

TEST(ReadPages, LeavesOutOnlyThePagesThatFail) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  std::vector<Gpa> wanted;
  for (std::uint64_t page = 0; page < 6; ++page) {
    wanted.push_back(Gpa{page << 12});
    memory.Write(page << 12, std::string(1, static_cast<char>('a' + page)));
  }
  memory.Break(0x2000);
  memory.Break(0x3000);
  std::vector<MissingPart> missing;
  const CapturedPages pages = ReadPages(memory, wanted, missing);
  EXPECT_THAT(pages.pages, ElementsAre(Gpa{0}, Gpa{0x1000}, Gpa{0x4000}, Gpa{0x5000}));
  EXPECT_EQ(AsText(pages.Page(2))[0], 'e');
  EXPECT_EQ(pages.bytes.size(), 4 * kPageBytes);
  ASSERT_THAT(missing, SizeIs(1));
  EXPECT_EQ(missing[0].address, 0x2000u);
  EXPECT_EQ(missing[0].bytes, 0x2000u);
}

TEST(TableWords, ReadsEachTableOnce) {
  FakeGuestMemory memory({{Gpa{0}, 1 << 20}});
  memory.WriteWord(0x1008, 42);
  const TableWords words(memory);
  EXPECT_EQ(*words.ReadWord(Gpa{0x1008}), 42u);
  EXPECT_EQ(*words.ReadWord(Gpa{0x1ff8}), 0u);
  EXPECT_EQ(memory.reads(), 1u);
  EXPECT_FALSE(words.ReadWord(Gpa{1 << 20}).ok());
}

}  // namespace
}  // namespace marrow
