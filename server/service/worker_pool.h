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
  // `capacity`: jobs that may wait before TryPost refuses.
  WorkerPool(std::size_t threads, std::size_t capacity);
  // Runs all jobs that were posted, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and the job is dropped, if as many as `capacity` wait already.
  bool TryPost(std::function<void()> job);
  // For jobs whose number is bounded elsewhere.
  void Post(std::function<void()> job);

 private:
  void Run();

  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace marrow
