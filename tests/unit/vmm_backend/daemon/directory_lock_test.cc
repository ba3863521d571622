// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/directory_lock.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

TEST(DirectoryLock, IsHeldByOneAtATime) {
  const std::string path = absl::StrCat(testing::TempDir(), "/lock.", ::getpid(), "/new");
  auto lock = LockDirectory(path);
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(LockDirectory(path).status()));
  lock->Reset();
  EXPECT_TRUE(LockDirectory(path).ok());
}

TEST(DirectoryLock, RefusesAFile) { EXPECT_FALSE(LockDirectory("/dev/null").ok()); }

}  // namespace
}  // namespace marrow
