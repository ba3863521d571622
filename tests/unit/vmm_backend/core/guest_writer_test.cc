// SPDX-License-Identifier: Apache-2.0
// What the guest's library writes, read by the host.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "marrow/guest.h"
#include "tests/unit/guest/graph_block.h"
#include "vmm_backend/core/window.h"

namespace marrow {
namespace {

struct alignas(64) Memory {
  std::byte bytes[8192];
};

TEST(GuestWriter, LeavesATableAndGraphThatTheHostTakes) {
  const auto memory = std::make_unique<Memory>();
  const marrow_host_identity host = MakeHostIdentity(sizeof(memory->bytes), {});
  std::memcpy(memory->bytes, &host, sizeof(host));
  guest::Window window;
  ASSERT_EQ(window.Attach(memory->bytes, sizeof(memory->bytes)), guest::Error::kNone);
  ASSERT_EQ(window.Claim({}), guest::Error::kNone);
  const std::string graph = guest::SampleGraph().Encode();
  ASSERT_EQ(window.SetGraph(graph.data(), graph.size()), guest::Error::kNone);
  for (std::uint64_t id = 1; id <= window.region_capacity(); ++id) {
    ASSERT_EQ(window.Register({id, id << 12, 64, MARROW_ADDRESS_GPA, MARROW_CLASS_LOG, "region"}),
              guest::Error::kNone);
  }
  const SpanSource source{std::span<const std::byte>(memory->bytes)};
  const auto table = ReadRegionTable(source, {});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->regions.size(), window.region_capacity());
  memory->bytes[sizeof(memory->bytes) - 1] ^= std::byte{1};
  EXPECT_EQ(ReadRegionTable(source, {}).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace marrow
