// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/sha256.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

// FIPS 180-4 example values.
TEST(Sha256, GivesThePublishedValues) {
  EXPECT_EQ(Hex(Sha256Of({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256Of(AsBytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, TakesBytesInParts) {
  Sha256 sha;
  sha.Update(AsBytes("a"));
  sha.Update({});
  sha.Update(AsBytes("bc"));
  EXPECT_EQ(sha.Finish(), Sha256Of(AsBytes("abc")));
}

}  // namespace
}  // namespace marrow
