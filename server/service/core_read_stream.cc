// SPDX-License-Identifier: Apache-2.0
#include "server/service/core_read_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"
#include "server/service/dump_name.h"
#include "vmm_backend/base/crc32c.h"

namespace marrow {
namespace {

constexpr std::uint64_t kPieceBytes = 1 << 20;

}  // namespace

CoreReadStream* CoreReadStream::Start(grpc::CallbackServerContext& context,
                                      StreamRegistry& registry, StreamRegistry::Ticket ticket,
                                      Archive& archive, WorkerPool& workers,
                                      v1::ReadCoreRequest request) {
  std::shared_ptr<CoreReadStream> stream(
      new CoreReadStream(context, std::move(ticket), archive, workers, std::move(request)));
  stream->self_ = stream;
  registry.Enter(stream->ticket_, stream);
  workers.Post([raw = stream.get()] { raw->Open(); });
  return stream.get();
}

void CoreReadStream::Open() {
  if (absl::Status s = OpenCore(); !s.ok()) return End(s);
  SendNext();
}

absl::Status CoreReadStream::OpenCore() {
  const absl::StatusOr<std::string> id = ParseDumpName(request_.name());
  if (!id.ok()) return id.status();
  const absl::StatusOr<v1::Dump> dump = archive_.Get(*id);
  if (!dump.ok()) return dump.status();
  auto core = archive_.OpenCore(*dump);
  if (!core.ok()) return CoreDamaged(core.status());
  core_ = *std::move(core);
  if (request_.offset() > core_->size()) {
    return WithReason(
        absl::OutOfRangeError(absl::StrCat("offset ", request_.offset(),
                                           " is behind the core's end, ", core_->size())),
        "OFFSET_OUT_OF_RANGE");
  }
  offset_ = request_.offset();
  const std::uint64_t rest = core_->size() - offset_;
  end_ = offset_ + (request_.length() == 0 ? rest : std::min(request_.length(), rest));
  return absl::OkStatus();
}

void CoreReadStream::SendNext() {
  if (offset_ == end_) return End(absl::OkStatus());
  if (absl::Status s = ReadPiece(std::min(kPieceBytes, end_ - offset_)); !s.ok()) {
    return End(CoreDamaged(s));
  }
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kEnding) return;
  if (draining_) return EndLocked(ShuttingDown());
  phase_ = Phase::kWriting;
  since_ = absl::Now();
  StartWrite(&response_);
}

absl::Status CoreReadStream::ReadPiece(std::uint64_t bytes) {
  std::string& data = *response_.mutable_data();
  data.resize(bytes);
  absl::Status status = core_->ReadAt(offset_, std::as_writable_bytes(std::span(data)));
  if (!status.ok()) return status;
  response_.set_crc32c(Crc32c(AsBytes(data)));
  offset_ += bytes;
  return absl::OkStatus();
}

void CoreReadStream::OnWriteDone(bool ok) {
  if (!ok) return End(absl::CancelledError("the client is gone"));
  {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::kWorking;
  }
  workers_.Post([this] { SendNext(); });
}

void CoreReadStream::End(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  EndLocked(status);
}

void CoreReadStream::EndLocked(const absl::Status& status) {
  if (phase_ == Phase::kEnding) return;
  phase_ = Phase::kEnding;
  Finish(ToGrpc(WithLastResort(status)));
}

void CoreReadStream::EndIfIdle(absl::Time deadline) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::kWriting && since_ < deadline) context_.TryCancel();
}

void CoreReadStream::Drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

void CoreReadStream::OnDone() {
  std::shared_ptr<CoreReadStream> self;
  const std::lock_guard lock(mutex_);  // whoever ended the call still holds it
  self = std::move(self_);
}

}  // namespace marrow
