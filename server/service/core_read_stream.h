// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "marrow/v1/dumps.grpc.pb.h"
#include "server/archive/archive.h"
#include "server/service/stream.h"
#include "server/service/worker_pool.h"

namespace marrow {

// One Dumps.ReadCore call: a worker reads a piece, gRPC sends it, and so on. One piece is in memory
// at a time.
class CoreReadStream final : public grpc::ServerWriteReactor<v1::ReadCoreResponse>, public Stream {
 public:
  static CoreReadStream* Start(grpc::CallbackServerContext& context, StreamRegistry& registry,
                               StreamRegistry::Ticket ticket, Archive& archive, WorkerPool& workers,
                               v1::ReadCoreRequest request);

  void OnWriteDone(bool ok) override;
  void OnDone() override;
  void EndIfIdle(absl::Time deadline) override;
  void Drain() override;

 private:
  enum class Phase { kWorking, kWriting, kEnding };

  CoreReadStream(grpc::CallbackServerContext& context, StreamRegistry::Ticket ticket,
                 Archive& archive, WorkerPool& workers, v1::ReadCoreRequest request)
      : ticket_(std::move(ticket)),
        context_(context),
        archive_(archive),
        workers_(workers),
        request_(std::move(request)) {}

  // On a worker.
  void Open();
  absl::Status OpenCore();
  void SendNext();
  absl::Status ReadPiece(std::uint64_t bytes);
  void End(const absl::Status& status);
  void EndLocked(const absl::Status& status);

  const StreamRegistry::Ticket ticket_;  // first: goes last
  grpc::CallbackServerContext& context_;
  Archive& archive_;
  WorkerPool& workers_;
  const v1::ReadCoreRequest request_;
  std::shared_ptr<CoreReadStream> self_;

  std::unique_ptr<ByteSource> core_;
  std::uint64_t offset_ = 0;
  std::uint64_t end_ = 0;
  v1::ReadCoreResponse response_;

  std::mutex mutex_;
  Phase phase_ = Phase::kWorking;
  absl::Time since_ = absl::Now();  // when the phase began
  bool draining_ = false;
};

}  // namespace marrow
