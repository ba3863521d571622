// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "marrow/v1/ingest.grpc.pb.h"
#include "server/ingest/upload_session.h"
#include "server/service/stream.h"
#include "server/service/watch_hub.h"
#include "server/service/worker_pool.h"

namespace marrow {

// One Ingest.Upload call: read a message, have a worker handle it, answer, read the next. It holds
// one message at a time; what else the host sends waits in its own memory by HTTP/2 flow control.
// Messages are bytes until a worker takes them: a parsed message can be many times as large, so no
// more are parsed at once than there are workers.
class UploadStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                           public Stream {
 public:
  struct Deps {
    WorkerPool& workers;
    WatchHub& watchers;
    std::atomic<std::uint64_t>& bytes_in_flight;  // received and not yet handled
  };

  static UploadStream* Start(grpc::CallbackServerContext& context, StreamRegistry& registry,
                             StreamRegistry::Ticket ticket, std::unique_ptr<UploadSession> session,
                             Deps deps);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone() override;
  void EndIfIdle(absl::Time deadline) override;
  void Drain() override;

 private:
  enum class Phase { kReading, kWorking, kWriting, kEnding };

  UploadStream(grpc::CallbackServerContext& context, StreamRegistry::Ticket ticket,
               std::unique_ptr<UploadSession> session, Deps deps)
      : ticket_(std::move(ticket)), context_(context), deps_(deps), session_(std::move(session)) {}

  // Handles request_, on a worker.
  void Work();
  absl::StatusOr<std::optional<v1::UploadResponse>> HandleRequest();
  // Each starts the next operation, unless the call has ended.
  void Read();
  void Write(const v1::UploadResponse& response);
  void End(const absl::Status& status);
  void EndLocked(const absl::Status& status);
  void SetPhase(Phase phase);

  const StreamRegistry::Ticket ticket_;  // first: goes last
  grpc::CallbackServerContext& context_;
  const Deps deps_;
  std::unique_ptr<UploadSession> session_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::shared_ptr<UploadStream> self_;

  std::mutex mutex_;
  Phase phase_ = Phase::kReading;
  absl::Time since_ = absl::Now();  // when the phase began
  bool draining_ = false;
};

}  // namespace marrow
