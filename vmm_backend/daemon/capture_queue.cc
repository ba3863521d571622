// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/capture_queue.h"

#include <utility>

namespace marrow {

CaptureQueue::CaptureQueue(std::size_t max_waiting)
    : max_waiting_(max_waiting), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void CaptureQueue::Stop() {
  std::deque<Job> turned_down;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    turned_down.swap(waiting_);
  }
  for (const Job& job : turned_down) job(Fate::kTurnedDown);
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

bool CaptureQueue::Add(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_) {
      if (waiting_.size() >= max_waiting_) return false;
      waiting_.push_back(std::move(job));
      changed_.notify_one();
      return true;
    }
  }
  job(Fate::kTurnedDown);
  return true;
}

void CaptureQueue::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [this] { return !waiting_.empty(); })) {
    const Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    job(Fate::kRun);
    lock.lock();
  }
}

}  // namespace marrow
