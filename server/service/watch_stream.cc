// SPDX-License-Identifier: Apache-2.0
#include "server/service/watch_stream.h"

#include <utility>

#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"

namespace marrow {
namespace {

constexpr std::size_t kMaxQueueBytes = 16 << 20;

}  // namespace

WatchStream* WatchStream::Start(grpc::CallbackServerContext& context, StreamRegistry& registry,
                                StreamRegistry::Ticket ticket, WatchHub& hub, Filter filter) {
  std::shared_ptr<WatchStream> stream(
      new WatchStream(context, std::move(ticket), hub, std::move(filter)));
  stream->self_ = stream;
  hub.Subscribe(stream);
  stream->StartSendInitialMetadata();
  registry.Enter(stream->ticket_, stream);
  return stream.get();
}

void WatchStream::SetPhase(Phase phase) {
  phase_ = phase;
  since_ = absl::Now();
}

void WatchStream::Offer(const std::shared_ptr<const v1::Dump>& dump) {
  if (!Matches(filter_, *dump)) return;
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnding || too_slow_) return;
  queue_bytes_ += dump->ByteSizeLong();
  if (queue_bytes_ > kMaxQueueBytes) {
    too_slow_ = true;
    queue_.clear();
    return;
  }
  queue_.push_back(dump);
  if (phase_ == Phase::kWaiting) WriteNext();
}

void WatchStream::WriteNext() {
  if (draining_) return End(ShuttingDown());
  if (too_slow_) {
    return End(WithReason(absl::AbortedError("dumps came faster than this client took them; list "
                                             "what was missed and watch again"),
                          "WATCH_TOO_SLOW"));
  }
  writing_ = nullptr;
  SetPhase(Phase::kWaiting);
  if (queue_.empty()) return;
  writing_ = std::move(queue_.front());
  queue_.pop_front();
  queue_bytes_ -= writing_->ByteSizeLong();
  SetPhase(Phase::kWriting);
  StartWrite(writing_.get());
}

void WatchStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  if (phase_ != Phase::kWriting) return;
  if (!ok) return End(absl::CancelledError("the client is gone"));
  WriteNext();
}

void WatchStream::OnCancel() {
  const std::lock_guard lock(mutex_);
  // A write under way ends by itself now, and the stream with it.
  if (phase_ == Phase::kWaiting) End(absl::CancelledError("the client left"));
}

void WatchStream::End(const absl::Status& status) {
  if (phase_ == Phase::kEnding) return;
  SetPhase(Phase::kEnding);
  Finish(ToGrpc(status));
}

void WatchStream::EndIfIdle(absl::Time deadline) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kWriting && since_ < deadline) context_.TryCancel();
}

void WatchStream::Drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  if (phase_ == Phase::kWaiting) End(ShuttingDown());
}

void WatchStream::OnDone() {
  std::shared_ptr<WatchStream> self;
  const std::lock_guard lock(mutex_);  // whoever ended the call still holds it
  self = std::move(self_);
  hub_.Unsubscribe(self);
}

}  // namespace marrow
