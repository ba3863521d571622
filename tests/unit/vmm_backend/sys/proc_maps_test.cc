// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/sys/proc_maps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace marrow {
namespace {

using testing::SizeIs;

constexpr absl::string_view kMaps =
    "1000-3000 rw-s 00005000 00:01 77                         /memfd:memory-backend-memfd "
    "(deleted)\n"
    "3000-4000 rw-s 00007000 00:01 77                         /memfd:memory-backend-memfd "
    "(deleted)\n"
    "8000-9000 rw-p 00000000 00:00 0 \n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

TEST(ProcMaps, ReadsTheKernelsLines) {
  const auto maps = ParseProcMaps(kMaps);
  ASSERT_TRUE(maps.ok()) << maps.status();
  ASSERT_THAT(*maps, SizeIs(4));
  EXPECT_EQ((*maps)[0].begin, 0x1000u);
  EXPECT_EQ((*maps)[0].file_offset, 0x5000u);
  EXPECT_EQ((*maps)[0].device_minor, 1u);
  EXPECT_EQ((*maps)[0].inode, 77u);
  EXPECT_TRUE((*maps)[0].shared);
  EXPECT_FALSE((*maps)[2].shared);
  EXPECT_EQ((*maps)[3].end, 0xffffffffff601000u);
}

TEST(ProcMaps, RefusesOtherLines) {
  for (const char* line :
       {"x", "1000-3000 rw-s 0 00:01", "1000 rw-s 0 00:01 7", "3000-1000 rw-s 0 00:01 7",
        "1000-3000 rw-s zz 00:01 7", "1000-3000 rw 0 00:01 7", "1000-3000 rw-s 0 0001 7"}) {
    EXPECT_EQ(ParseProcMaps(line).status().code(), absl::StatusCode::kInvalidArgument) << line;
  }
}

TEST(ProcMaps, CutsARangeOutOfAdjacentMappings) {
  const auto pieces = CutMappings(*ParseProcMaps(kMaps), 0x2000, 0x1800);
  ASSERT_TRUE(pieces.ok()) << pieces.status();
  ASSERT_THAT(*pieces, SizeIs(2));
  EXPECT_EQ((*pieces)[0].file_offset, 0x6000u);
  EXPECT_EQ((*pieces)[0].end, 0x3000u);
  EXPECT_EQ((*pieces)[1].file_offset, 0x7000u);
  EXPECT_EQ((*pieces)[1].end, 0x3800u);
}

TEST(ProcMaps, SaysWhatIsNotMapped) {
  const auto maps = *ParseProcMaps(kMaps);
  EXPECT_EQ(CutMappings(maps, 0x2000, 0x3000).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CutMappings(maps, 0x0, 0x2000).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CutMappings(maps, ~0ull, 2).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace marrow
