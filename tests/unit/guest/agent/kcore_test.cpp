// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/kcore.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_kcore.h"
#include "tests/unit/guest/profile/fake_kernel.h"

namespace marrow::agent {
namespace {

using testing::HasSubstr;

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

TEST(KcoreHeader, FindsSegmentsAndVmcoreinfo) {
  const auto header = ParseKcoreHeader(AsBytes(FakeKcore("OSRELEASE=6.1\n", "memory")));
  ASSERT_TRUE(header.ok()) << header.error();
  EXPECT_EQ(header->vmcoreinfo, "OSRELEASE=6.1\n");
  ASSERT_EQ(header->segments.size(), 2u);
  EXPECT_EQ(header->segments[0].gva, kImage);
  EXPECT_EQ(header->segments[0].gpa, 0x1000000u);
  EXPECT_EQ(header->segments[1].gpa, kNoGpa);
}

TEST(KcoreHeader, SurvivesBeingCutAnywhere) {
  const std::string file = FakeKcore("OSRELEASE=6.1\n", "");
  const std::size_t header_bytes = FakeKcoreNotesEnd(file);
  for (std::size_t size = 0; size < header_bytes; ++size) {
    EXPECT_FALSE(ParseKcoreHeader(AsBytes(file).first(size)).ok()) << size;
  }
  EXPECT_TRUE(ParseKcoreHeader(AsBytes(file).first(header_bytes)).ok());
}

TEST(KcoreHeader, RejectsOtherFiles) {
  const std::size_t offsets[] = {0, EI_CLASS, EI_DATA, offsetof(Elf64_Ehdr, e_type),
                                 offsetof(Elf64_Ehdr, e_phentsize)};
  for (const std::size_t offset : offsets) {
    std::string file = FakeKcore("", "");
    file[offset] = '\x7e';
    EXPECT_THAT(ParseKcoreHeader(AsBytes(file)).error(), HasSubstr("not a little-endian ELF64"));
  }
}

TEST(KcoreHeader, IgnoresNotesWhoseSizesLie) {
  std::string file = FakeKcore("OSRELEASE=6.1\n", "");
  const std::size_t notes = FakeKcoreNotesEnd(file) - FakeKcoreNoteBytes("OSRELEASE=6.1\n");
  for (const std::size_t field : {0u, 4u}) {
    std::string damaged = file;
    damaged.replace(notes + field, 4, "\xff\xff\xff\xff");
    const auto header = ParseKcoreHeader(AsBytes(damaged));
    ASSERT_TRUE(header.ok());
    EXPECT_EQ(header->vmcoreinfo, "");
  }
}

TEST(Kcore, ReadsMemoryByGva) {
  TempFolder folder;
  folder.Write("kcore", FakeKcore("X=1\n", "0123456789"));
  const auto kcore = Kcore::Open(folder.path() + "/kcore");
  ASSERT_TRUE(kcore.ok()) << kcore.error();
  std::string text(4, ' ');
  EXPECT_TRUE((*kcore)->Read(kImage + 2, std::as_writable_bytes(std::span(text))));
  EXPECT_EQ(text, "2345");
  EXPECT_TRUE((*kcore)->Read(kImage + 6, std::as_writable_bytes(std::span(text))));
  EXPECT_EQ(text, "6789");
}

TEST(Kcore, RefusesMemoryThatIsNotThere) {
  TempFolder folder;
  folder.Write("kcore", FakeKcore("X=1\n", "0123456789"));
  const auto kcore = Kcore::Open(folder.path() + "/kcore");
  ASSERT_TRUE(kcore.ok()) << kcore.error();
  std::string text(4, ' ');
  for (const std::uint64_t gva :
       std::initializer_list<std::uint64_t>{0, kImage - 1, kImage + 7, kImage + 10, kVmalloc}) {
    EXPECT_FALSE((*kcore)->Read(gva, std::as_writable_bytes(std::span(text)))) << std::hex << gva;
  }
}

TEST(Kcore, KnowsTheLinearRanges) {
  TempFolder folder;
  folder.Write("kcore", FakeKcore("X=1\n", "0123456789"));
  const auto kcore = Kcore::Open(folder.path() + "/kcore");
  ASSERT_TRUE(kcore.ok()) << kcore.error();
  const auto ranges = (*kcore)->LinearRanges();
  ASSERT_EQ(ranges.size(), 1u);
  EXPECT_EQ(ranges[0].gva, kImage);
  EXPECT_EQ(ranges[0].bytes, 10u);
}

TEST(Kcore, WithoutPhysicalAddressesHasNoLinearRanges) {
  std::string file = FakeKcore("X=1\n", "0123456789");
  const std::size_t first_load = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
  file.replace(first_load + offsetof(Elf64_Phdr, p_paddr), 8, 8, '\0');
  TempFolder folder;
  folder.Write("kcore", file);
  const auto kcore = Kcore::Open(folder.path() + "/kcore");
  ASSERT_TRUE(kcore.ok()) << kcore.error();
  EXPECT_TRUE((*kcore)->LinearRanges().empty());
}

TEST(Kcore, WithLongNotesIsReadWhole) {
  const std::string info(20000, 'x');
  TempFolder folder;
  folder.Write("kcore", FakeKcore(info, "memory"));
  const auto kcore = Kcore::Open(folder.path() + "/kcore");
  ASSERT_TRUE(kcore.ok()) << kcore.error();
  EXPECT_EQ((*kcore)->header().vmcoreinfo, info);
}

TEST(Kcore, ThatIsMissingSaysSo) {
  EXPECT_THAT(Kcore::Open("/nonexistent/kcore").error(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace marrow::agent
