// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "marrow/v1/dumps.grpc.pb.h"
#include "server/query/filter.h"
#include "server/service/stream.h"
#include "server/service/watch_hub.h"

namespace marrow {

// One Dumps.WatchDumps call. Initial metadata tells the client that it is subscribed. What it has
// not taken yet waits in a bounded queue; a client that falls behind further than that is told so.
class WatchStream final : public grpc::ServerWriteReactor<v1::Dump>, public Stream, public Watcher {
 public:
  static WatchStream* Start(grpc::CallbackServerContext& context, StreamRegistry& registry,
                            StreamRegistry::Ticket ticket, WatchHub& hub, Filter filter);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;
  void EndIfIdle(absl::Time deadline) override;
  void Drain() override;
  void Offer(const std::shared_ptr<const v1::Dump>& dump) override;

 private:
  enum class Phase { kWaiting, kWriting, kEnding };

  WatchStream(grpc::CallbackServerContext& context, StreamRegistry::Ticket ticket, WatchHub& hub,
              Filter filter)
      : ticket_(std::move(ticket)), context_(context), hub_(hub), filter_(std::move(filter)) {}

  // All three need mutex_.
  void WriteNext();
  void End(const absl::Status& status);
  void SetPhase(Phase phase);

  const StreamRegistry::Ticket ticket_;  // first: goes last
  grpc::CallbackServerContext& context_;
  WatchHub& hub_;
  const Filter filter_;
  std::shared_ptr<WatchStream> self_;

  std::mutex mutex_;
  Phase phase_ = Phase::kWaiting;
  absl::Time since_ = absl::Now();  // when the phase began
  std::deque<std::shared_ptr<const v1::Dump>> queue_;
  std::size_t queue_bytes_ = 0;
  std::shared_ptr<const v1::Dump> writing_;
  bool too_slow_ = false;
  bool draining_ = false;
};

}  // namespace marrow
