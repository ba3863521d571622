// SPDX-License-Identifier: Apache-2.0
#include "server/service/janitor.h"

#include <utility>

namespace marrow {

Janitor::Janitor(absl::Duration period, std::function<void()> work)
    : period_(period), work_(std::move(work)), thread_([this] { Run(); }) {}

Janitor::~Janitor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void Janitor::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    work_();
    lock.lock();
    stop_.wait_for(lock, absl::ToChronoNanoseconds(period_), [this] { return stopping_; });
  }
}

}  // namespace marrow
