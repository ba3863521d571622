// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/ulid.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

std::array<std::byte, 10> Random(int fill) {
  std::array<std::byte, 10> random;
  random.fill(static_cast<std::byte>(fill));
  return random;
}

TEST(Ulid, EncodesTimeAndRandomness) {
  // 1469918176385 ms is the specification's example time, "01ARYZ6S41".
  const absl::Time time = absl::FromUnixMillis(1469918176385);
  EXPECT_EQ(MakeUlid(time, Random(0)), "01aryz6s410000000000000000");
  EXPECT_EQ(MakeUlid(time, Random(0xff)), "01aryz6s41zzzzzzzzzzzzzzzz");
}

TEST(Ulid, SortsByTime) {
  EXPECT_LT(MakeUlid(absl::FromUnixMillis(999), Random(0xff)),
            MakeUlid(absl::FromUnixMillis(1000), Random(0)));
}

TEST(Ulid, CountsTimesBefore1970As1970) {
  EXPECT_EQ(MakeUlid(absl::FromUnixMillis(-5), Random(0)), std::string(26, '0'));
}

TEST(Ulid, RecognisesItsOwnForm) {
  EXPECT_TRUE(IsUlid(MakeUlid(absl::FromUnixMillis(1469918176385), Random(0x5a))));
  EXPECT_FALSE(IsUlid(""));
  EXPECT_FALSE(IsUlid("01ARYZ6S410000000000000000"));
  EXPECT_FALSE(IsUlid("01aryz6s41000000000000000"));
  EXPECT_FALSE(IsUlid("81aryz6s410000000000000000"));
  EXPECT_FALSE(IsUlid("01aryz6s41000000000000000/"));
  EXPECT_FALSE(IsUlid("01aryz6s41000000000000000l"));
}

}  // namespace
}  // namespace marrow
