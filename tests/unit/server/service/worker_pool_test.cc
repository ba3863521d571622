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
    WorkerPool pool(3, 10);
    for (int i = 0; i < 1000; ++i) pool.Post([&] { ++runs; });
  }
  EXPECT_EQ(runs, 1000);
}

TEST(WorkerPool, RefusesMoreThanMayWait) {
  std::latch started(1);
  std::latch go(1);
  std::atomic<int> runs = 0;
  {
    WorkerPool pool(1, 2);
    pool.Post([&] {
      started.count_down();
      go.wait();
    });
    started.wait();  // the only worker is busy from here on
    EXPECT_TRUE(pool.TryPost([&] { ++runs; }));
    EXPECT_TRUE(pool.TryPost([&] { ++runs; }));
    EXPECT_FALSE(pool.TryPost([&] { ++runs; }));
    go.count_down();
  }
  EXPECT_EQ(runs, 2);
}

TEST(WorkerPool, RunsJobsSideBySide) {
  std::latch both(2);
  WorkerPool pool(2, 2);
  // Each waits for the other: with one thread this would never end.
  for (int i = 0; i < 2; ++i) pool.Post([&] { both.arrive_and_wait(); });
}

TEST(WorkerPool, ReleasesWhatAJobHeldOnceItRan) {
  const auto held = std::make_shared<int>(1);
  {
    WorkerPool pool(1, 1);
    pool.Post([held] {});
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace marrow
