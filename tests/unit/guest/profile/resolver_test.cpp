// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_kernel.h"

namespace marrow::profile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kSymbols[] =
    "0000000000001000 A runqueues\n"
    "0000000000001080 A next_percpu\n"
    "ffffffff81000000 T _text\n"
    "ffffffff81000100 D linux_banner\n"
    "ffffffff81000140 D __per_cpu_offset\n"
    "ffffffff81000200 D heap_pointer\n"
    "ffffffff81000208 D null_pointer\n"
    "ffffffff81000210 D __start_it\n"
    "ffffffff81000290 D __stop_it\n"
    "ffffffff81000300 D far_neighbour\n"
    "ffffffff81900000 B _end\n"
    "ffffffffc0000000 d in_module\t[m]\n"
    "ffffffffc0000010 d module_end\t[m]\n";

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() {
    memory_.Put(kImage + 0x140, kDirectMap + 0x3e000000);
    memory_.Put(kImage + 0x148, kVmalloc);
    memory_.Put(kImage + 0x200, kDirectMap + 0x5000);
    memory_.Put(kImage + 0x208, std::uint64_t{0});
  }

  Resolution Run(const std::string& text, const KernelMemory* memory) {
    const auto profile = ParseProfile(text, "test");
    EXPECT_TRUE(profile.ok()) << profile.error();
    return Resolve(*profile, MakeView(kSymbols, memory));
  }
  Resolution Run(const std::string& text) { return Run(text, &memory_); }

  static RegionSpec Physical(std::uint64_t gpa, std::uint64_t bytes, const char* name) {
    return {MARROW_ADDRESS_GPA, gpa, bytes, MARROW_CLASS_KERNEL_DATA, name};
  }
  static RegionSpec Virtual(std::uint64_t gva, std::uint64_t bytes, const char* name) {
    return {MARROW_ADDRESS_GVA, gva, bytes, MARROW_CLASS_KERNEL_DATA, name};
  }

  FakeMemory memory_;
};

using Resolver = ResolverTest;

TEST_F(Resolver, SizesASymbolByItsNeighbour) {
  const Resolution result = Run("symbol linux_banner");
  EXPECT_THAT(result.regions, ElementsAre(Physical(0x1000100, 0x40, "linux_banner")));
  EXPECT_THAT(result.missing, IsEmpty());
}

TEST_F(Resolver, PrefersTheGivenSize) {
  EXPECT_THAT(Run("symbol linux_banner size 7").regions,
              ElementsAre(Physical(0x1000100, 7, "linux_banner")));
}

TEST_F(Resolver, DoesNotGuessASizeFromAFarNeighbour) {
  const Resolution result = Run("symbol far_neighbour");
  EXPECT_THAT(result.regions, IsEmpty());
  EXPECT_THAT(result.missing, ElementsAre(HasSubstr("give it with size")));
}

TEST_F(Resolver, TakesTheFirstNameThatExists) {
  EXPECT_THAT(Run("symbol none?linux_banner?_text").regions,
              ElementsAre(Physical(0x1000100, 0x40, "linux_banner")));
}

TEST_F(Resolver, TellsMissingFromSkipped) {
  const Resolution result = Run("symbol none?nada\nsymbol nope optional\nsymbol linux_banner");
  EXPECT_THAT(result.missing, ElementsAre("test:1: no symbol none?nada"));
  EXPECT_THAT(result.skipped, ElementsAre("test:2: no symbol nope"));
  EXPECT_EQ(result.regions.size(), 1u);
}

TEST_F(Resolver, ResolvesSections) {
  EXPECT_THAT(Run("section __start_it __stop_it").regions,
              ElementsAre(Physical(0x1000210, 0x80, "__start_it")));
  EXPECT_THAT(Run("section __stop_it __start_it").missing,
              ElementsAre(HasSubstr("__start_it does not lie behind __stop_it")));
  EXPECT_THAT(Run("section __start_it __start_it").regions, IsEmpty());
  EXPECT_THAT(Run("section __start_it gone").missing, ElementsAre(HasSubstr("no symbol gone")));
}

TEST_F(Resolver, FindsEveryPossibleCpu) {
  EXPECT_THAT(Run("percpu runqueues").regions,
              ElementsAre(Physical(0x3e001000, 0x80, "runqueues/0"),
                          Virtual(kVmalloc + 0x1000, 0x80, "runqueues/1")));
}

TEST_F(Resolver, FollowsPointers) {
  EXPECT_THAT(
      Run("pointer heap_pointer size 0x30").regions,
      ElementsAre(Physical(0x1000200, 8, "heap_pointer"), Physical(0x5000, 0x30, "*heap_pointer")));
  EXPECT_THAT(Run("pointer null_pointer size 8").missing,
              ElementsAre(HasSubstr("null_pointer is a null pointer")));
}

TEST_F(Resolver, PublishesModuleMemoryByGva) {
  EXPECT_THAT(Run("symbol in_module").regions,
              ElementsAre(Virtual(0xffffffffc0000000, 0x10, "in_module")));
}

TEST_F(Resolver, TakesAllIomemRangesOfAName) {
  EXPECT_THAT(Run("iomem \"System RAM\"").regions,
              ElementsAre(Physical(0x1000, 0x9f000, "System RAM"),
                          Physical(0x100000, 0x3ff00000, "System RAM")));
  EXPECT_THAT(Run("iomem nothing").missing, ElementsAre(HasSubstr("no range \"nothing\"")));
}

TEST_F(Resolver, KnowsTheVmcoreinfoNote) {
  EXPECT_THAT(Run("vmcoreinfo").regions, ElementsAre(Physical(0x11f0000, 0x1024, "vmcoreinfo")));
}

TEST_F(Resolver, PassesTheClassOn) {
  EXPECT_EQ(Run("symbol linux_banner class secret").regions.at(0).region_class,
            MARROW_CLASS_SECRET);
}

TEST_F(Resolver, PublishesNothingTwice) {
  EXPECT_EQ(Run("symbol linux_banner\nsymbol linux_banner").regions.size(), 1u);
  EXPECT_EQ(Run("symbol linux_banner\nsymbol linux_banner class log").regions.size(), 2u);
}

TEST_F(Resolver, RejectsRangesThatWrap) {
  memory_.Put(kImage + 0x200, UINT64_MAX - 4);
  EXPECT_THAT(Run("pointer heap_pointer size 0x30").missing,
              ElementsAre(HasSubstr("passes the end of the address space")));
}

TEST_F(Resolver, WithoutKernelMemoryStillPublishesSymbols) {
  const Resolution result = Run(
      "symbol linux_banner\npercpu runqueues\npointer heap_pointer size 8\nprintk-ring", nullptr);
  EXPECT_EQ(result.regions.size(), 1u);
  EXPECT_EQ(result.missing.size(), 3u);
}

}  // namespace
}  // namespace marrow::profile
