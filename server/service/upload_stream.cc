// SPDX-License-Identifier: Apache-2.0
#include "server/service/upload_stream.h"

#include <utility>

#include "grpcpp/impl/codegen/proto_utils.h"
#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"

namespace marrow {

UploadStream* UploadStream::Start(grpc::CallbackServerContext& context, StreamRegistry& registry,
                                  StreamRegistry::Ticket ticket,
                                  std::unique_ptr<UploadSession> session, Deps deps) {
  std::shared_ptr<UploadStream> stream(
      new UploadStream(context, std::move(ticket), std::move(session), deps));
  stream->self_ = stream;
  stream->StartRead(&stream->request_);
  registry.Enter(stream->ticket_, stream);
  return stream.get();
}

void UploadStream::SetPhase(Phase phase) {
  phase_ = phase;
  since_ = absl::Now();
}

void UploadStream::OnReadDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::kEnding) return;
    if (!ok)
      return EndLocked(
          WithReason(absl::CancelledError("the stream ended before Commit"), "UPLOAD_INCOMPLETE"));
    SetPhase(Phase::kWorking);
    deps_.bytes_in_flight += request_.Length();
  }
  deps_.workers.Post([this] { Work(); });
}

absl::StatusOr<std::optional<v1::UploadResponse>> UploadStream::HandleRequest() {
  v1::UploadRequest request;
  // Clears request_: the bytes are not held beside the message.
  if (!grpc::SerializationTraits<v1::UploadRequest>::Deserialize(&request_, &request).ok()) {
    request_.Clear();
    return WithReason(absl::InvalidArgumentError("a message is no marrow.v1.UploadRequest"),
                      "PROTOCOL_VIOLATION");
  }
  return session_->Handle(request);
}

void UploadStream::Work() {
  const std::uint64_t bytes = request_.Length();
  const absl::StatusOr<std::optional<v1::UploadResponse>> answer = HandleRequest();
  deps_.bytes_in_flight -= bytes;
  if (!answer.ok()) return End(answer.status());
  if (!answer->has_value()) return Read();
  if ((*answer)->has_committed()) {
    deps_.watchers.Publish(std::make_shared<const v1::Dump>((*answer)->committed().dump()));
  }
  Write(**answer);
}

void UploadStream::Read() {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnding) return;
  if (draining_) return EndLocked(ShuttingDown());
  SetPhase(Phase::kReading);
  StartRead(&request_);
}

void UploadStream::Write(const v1::UploadResponse& response) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnding) return;
  response_.Clear();
  bool own_buffer = false;
  // Fails only for messages of more than 2 GiB.
  (void)grpc::SerializationTraits<v1::UploadResponse>::Serialize(response, &response_, &own_buffer);
  if (session_->done()) {
    SetPhase(Phase::kEnding);
    StartWriteAndFinish(&response_, {}, grpc::Status::OK);
  } else {
    SetPhase(Phase::kWriting);
    StartWrite(&response_);
  }
}

void UploadStream::OnWriteDone(bool ok) {
  if (!ok) return End(absl::CancelledError("the stream broke"));
  Read();
}

void UploadStream::End(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  EndLocked(status);
}

void UploadStream::EndLocked(const absl::Status& status) {
  if (phase_ == Phase::kEnding) return;
  SetPhase(Phase::kEnding);
  Finish(ToGrpc(WithLastResort(status)));
}

void UploadStream::OnDone() {
  std::shared_ptr<UploadStream> self;
  {
    const std::lock_guard lock(mutex_);  // whoever ended the call still holds it
    self = std::move(self_);
  }
  // The session makes its bytes durable when it goes: disk work. Nothing here is touched once the
  // job is posted, for a worker may have run it already.
  WorkerPool& workers = deps_.workers;
  workers.Post([self = std::move(self)] {});
}

void UploadStream::EndIfIdle(absl::Time deadline) {
  const std::lock_guard lock(mutex_);
  if (since_ >= deadline) return;
  // The peer takes neither an answer nor the last one. Until OnDone has taken self_ the context is
  // there.
  const bool ending = phase_ == Phase::kEnding && self_ != nullptr;
  if (phase_ == Phase::kWriting || ending) context_.TryCancel();
  if (phase_ != Phase::kReading) return;
  EndLocked(WithReason(
      absl::DeadlineExceededError("nothing was sent for too long; continue with a new stream"),
      "UPLOAD_IDLE"));
}

void UploadStream::Drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
  if (phase_ == Phase::kReading) EndLocked(ShuttingDown());
}

}  // namespace marrow
