// SPDX-License-Identifier: Apache-2.0
#include "server/address/store_address.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

TEST(StoreAddress, KnowsWhatStaysOnTheMachine) {
  struct {
    const char* text;
    bool is_local;
  } const cases[] = {
      {"127.0.0.1:7070", true},       {"127.1.2.3:0", true},          {"localhost:1", true},
      {"[::1]:7070", true},           {"unix:/run/marrow/s", true},   {"0.0.0.0:7070", false},
      {"[::]:7070", false},           {"192.168.1.1:7070", false},    {"store.example:7070", false},
      {"127.0.0.1.example:1", false}, {"localhost.example:1", false}, {"[::ffff:1]:1", false},
  };
  for (const auto& c : cases) {
    const auto address = ParseStoreAddress(c.text);
    ASSERT_TRUE(address.ok()) << c.text << ": " << address.status();
    EXPECT_EQ(address->is_local, c.is_local) << c.text;
  }
}

TEST(StoreAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "7070", ":7070", "localhost", "localhost:", "localhost:x",
                           "localhost:65536", "localhost:-1", "::1:7070", "unix:"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseStoreAddress(text).status())) << text;
  }
}

TEST(StoreAddress, IsCompletedByTheChosenPort) {
  EXPECT_EQ(ParseStoreAddress("127.0.0.1:0")->WithPort(4242), "127.0.0.1:4242");
  EXPECT_EQ(ParseStoreAddress("[::1]:0")->WithPort(4242), "[::1]:4242");
  EXPECT_EQ(ParseStoreAddress("unix:/run/s")->WithPort(1), "unix:/run/s");
}

}  // namespace
}  // namespace marrow
