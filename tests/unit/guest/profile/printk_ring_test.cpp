// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/printk_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_kernel.h"

namespace marrow::profile {
namespace {

using testing::HasSubstr;

constexpr char kLayout[] =
    "SYMBOL(prb)=ffffffff81000000\nSIZE(printk_ringbuffer)=88\n"
    "OFFSET(printk_ringbuffer.desc_ring)=0\nOFFSET(printk_ringbuffer.text_data_ring)=48\n"
    "SIZE(prb_desc)=24\nSIZE(printk_info)=88\nOFFSET(prb_desc_ring.count_bits)=0\n"
    "OFFSET(prb_desc_ring.descs)=8\nOFFSET(prb_desc_ring.infos)=16\n"
    "OFFSET(prb_data_ring.size_bits)=0\nOFFSET(prb_data_ring.data)=8\n";

class PrintkRingTest : public testing::Test {
 protected:
  PrintkRingTest() {
    memory_.Put(kImage, kRing);
    memory_.Put(kRing, std::uint32_t{12});
    memory_.Put(kRing + 8, kDirectMap + 0x100000);
    memory_.Put(kRing + 16, kDirectMap + 0x200000);
    memory_.Put(kRing + 48, std::uint32_t{17});
    memory_.Put(kRing + 56, kDirectMap + 0x300000);
  }

  static constexpr std::uint64_t kRing = kImage + 0x1000;
  FakeMemory memory_;
};

using PrintkRing = PrintkRingTest;

TEST_F(PrintkRing, IsFollowedFromPrb) {
  const auto ranges = FollowPrintkRing(MakeView("", &memory_, kLayout));
  ASSERT_TRUE(ranges.ok()) << ranges.error();
  ASSERT_EQ(ranges->size(), 5u);
  const struct {
    std::uint64_t address, bytes;
  } expected[] = {{kImage, 8},
                  {kRing, 88},
                  {kDirectMap + 0x100000, 4096 * 24},
                  {kDirectMap + 0x200000, 4096 * 88},
                  {kDirectMap + 0x300000, 131072}};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ((*ranges)[i].address, expected[i].address) << i;
    EXPECT_EQ((*ranges)[i].bytes, expected[i].bytes) << i;
  }
}

TEST_F(PrintkRing, NeedsEveryLineOfItsLayout) {
  const std::string layout = kLayout;
  std::size_t start = 0;
  for (std::size_t end; (end = layout.find('\n', start)) != layout.npos; start = end + 1) {
    std::string without = layout;
    without.erase(start, end + 1 - start);
    EXPECT_FALSE(FollowPrintkRing(MakeView("", &memory_, without)).ok())
        << layout.substr(start, end - start);
  }
}

TEST_F(PrintkRing, RejectsImpossibleSizes) {
  memory_.Put(kRing, std::uint32_t{64});
  EXPECT_THAT(FollowPrintkRing(MakeView("", &memory_, kLayout)).error(),
              HasSubstr("does not point to a printk ring buffer"));
  memory_.Put(kRing, std::uint32_t{12});
  memory_.Put(kRing + 48, std::uint32_t{32});
  EXPECT_FALSE(FollowPrintkRing(MakeView("", &memory_, kLayout)).ok());
}

TEST_F(PrintkRing, RejectsAPointerToNowhere) {
  memory_.Put(kImage, std::uint64_t{0x1234});
  EXPECT_THAT(FollowPrintkRing(MakeView("", &memory_, kLayout)).error(),
              HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace marrow::profile
