// SPDX-License-Identifier: Apache-2.0
#include "server/service/unary_call.h"

#include <utility>

#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"

namespace marrow {

UnaryCall* UnaryCall::Start(grpc::CallbackServerContext& context, StreamRegistry& registry,
                            StreamRegistry::Ticket ticket, WorkerPool& workers,
                            std::function<absl::Status()> answer) {
  std::shared_ptr<UnaryCall> call(new UnaryCall(context, std::move(ticket), std::move(answer)));
  call->self_ = call;
  registry.Enter(call->ticket_, call);
  workers.Post([raw = call.get()] { raw->Work(); });
  return call.get();
}

void UnaryCall::Work() { End(cancelled_ ? absl::CancelledError("the client left") : answer_()); }

void UnaryCall::End(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  sent_ = absl::Now();
  Finish(ToGrpc(WithLastResort(status)));
}

void UnaryCall::EndIfIdle(absl::Time deadline) {
  const std::lock_guard lock(mutex_);
  // Until OnDone has taken self_ the context is there.
  if (self_ != nullptr && sent_ < deadline) context_.TryCancel();
}

void UnaryCall::OnDone() {
  std::shared_ptr<UnaryCall> self;
  const std::lock_guard lock(mutex_);  // whoever ended the call still holds it
  self = std::move(self_);
}

}  // namespace marrow
