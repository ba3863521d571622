// SPDX-License-Identifier: Apache-2.0
#include "server/service/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>

namespace marrow {
namespace {

TEST(WorkerPool, RunsEveryJobBeforeItGoes) {
  std::atomic<int> runs = 0;
  {
    WorkerPool pool(3);
    for (int i = 0; i < 1000; ++i) pool.Post([&] { ++runs; });
  }
  EXPECT_EQ(runs, 1000);
}

TEST(WorkerPool, RunsJobsSideBySide) {
  std::latch both(2);
  WorkerPool pool(2);
  // Each waits for the other: with one thread this would never end.
  for (int i = 0; i < 2; ++i) pool.Post([&] { both.arrive_and_wait(); });
}

TEST(WorkerPool, ReleasesWhatAJobHeldOnceItRan) {
  const auto held = std::make_shared<int>(1);
  {
    WorkerPool pool(1);
    pool.Post([held] {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace marrow
