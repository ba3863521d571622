// SPDX-License-Identifier: Apache-2.0
#include "server/service/stream.h"

#include <utility>

#include "server/errors/error_info.h"

namespace marrow {

absl::Status ShuttingDown() {
  return WithRetry(
      WithReason(absl::UnavailableError("the store shuts down; continue when it is back"),
                 "SHUTTING_DOWN"),
      absl::Seconds(5));
}

StreamRegistry::Ticket::Ticket(Ticket&& other) noexcept
    : registry_(std::exchange(other.registry_, nullptr)), number_(other.number_) {}

StreamRegistry::Ticket::~Ticket() {
  if (registry_ == nullptr) return;
  const std::lock_guard lock(registry_->mutex_);
  registry_->streams_.erase(number_);
  // Under the lock: the registry may be destroyed as soon as it sees that nobody is left.
  registry_->left_.notify_all();
}

StreamRegistry::~StreamRegistry() {
  std::unique_lock lock(mutex_);
  left_.wait(lock, [this] { return streams_.empty(); });
}

StreamRegistry::Ticket StreamRegistry::Admit() {
  const std::lock_guard lock(mutex_);
  if (draining_ || streams_.size() >= limit_) return {};
  const std::size_t number = next_number_++;
  streams_.emplace(number, std::weak_ptr<Stream>());
  return Ticket(*this, number);
}

void StreamRegistry::Enter(const Ticket& ticket, std::weak_ptr<Stream> stream) {
  bool late = false;
  std::shared_ptr<Stream> strong = stream.lock();
  {
    const std::lock_guard lock(mutex_);
    streams_[ticket.number_] = std::move(stream);
    late = draining_;
  }
  if (late && strong != nullptr) strong->Drain();
}

std::size_t StreamRegistry::count() const {
  const std::lock_guard lock(mutex_);
  return streams_.size();
}

bool StreamRegistry::draining() const {
  const std::lock_guard lock(mutex_);
  return draining_;
}

std::vector<std::shared_ptr<Stream>> StreamRegistry::Streams() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Stream>> streams;
  for (const auto& [number, weak] : streams_) {
    if (auto stream = weak.lock()) streams.push_back(std::move(stream));
  }
  return streams;
}

void StreamRegistry::EndIdle(absl::Time deadline) {
  for (const auto& stream : Streams()) stream->EndIfIdle(deadline);
}

void StreamRegistry::Drain() {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  for (const auto& stream : Streams()) stream->Drain();
}

}  // namespace marrow
