// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace marrow {

// Threads that do the disk work, so that gRPC's own never wait for a disk. Thread-safe.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads);
  // Runs all jobs that were posted, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // The number of jobs is bounded by those who post them: each belongs to a stream with a ticket.
  void Post(std::function<void()> job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace marrow
