// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/service/stream.h"
#include "server/service/worker_pool.h"

namespace marrow {

// One unary call: a worker makes the answer, gRPC sends it. It counts as a stream until the client
// has taken the answer, which may be as large as a message can be.
class UnaryCall final : public grpc::ServerUnaryReactor, public Stream {
 public:
  // `answer` fills the call's response. It is not called if the client left before its turn.
  static UnaryCall* Start(grpc::CallbackServerContext& context, StreamRegistry& registry,
                          StreamRegistry::Ticket ticket, WorkerPool& workers,
                          std::function<absl::Status()> answer);

  void OnCancel() override { cancelled_ = true; }
  void OnDone() override;
  void EndIfIdle(absl::Time deadline) override;
  // An answer is soon made, and soon taken: nothing to do.
  void Drain() override {}

 private:
  UnaryCall(grpc::CallbackServerContext& context, StreamRegistry::Ticket ticket,
            std::function<absl::Status()> answer)
      : ticket_(std::move(ticket)), context_(context), answer_(std::move(answer)) {}

  // On a worker.
  void Work();
  void End(const absl::Status& status);

  const StreamRegistry::Ticket ticket_;  // first: goes last
  grpc::CallbackServerContext& context_;
  const std::function<absl::Status()> answer_;
  std::shared_ptr<UnaryCall> self_;
  std::atomic<bool> cancelled_{false};

  std::mutex mutex_;
  absl::Time sent_ = absl::InfiniteFuture();  // when gRPC was given the answer
};

}  // namespace marrow
