// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace marrow {

// Runs jobs in order on one thread of its own. Thread-safe.
class CaptureQueue {
 public:
  enum class Fate {
    kRun,
    kTurnedDown,  // the queue ended before it was its turn
  };
  using Job = std::function<void(Fate)>;

  explicit CaptureQueue(std::size_t max_waiting);
  ~CaptureQueue() { Stop(); }

  // False, without having called the job, when max_waiting jobs wait already.
  bool Add(Job job);
  // Lets the job that runs finish and turns down those that wait and those that come later.
  void Stop();

 private:
  void Run(const std::stop_token& stop);

  const std::size_t max_waiting_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> waiting_;
  bool stopped_ = false;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace marrow
