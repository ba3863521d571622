// SPDX-License-Identifier: Apache-2.0
#include "server/service/dumps_service.h"

#include <utility>

#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"
#include "server/service/core_read_stream.h"
#include "server/service/queries.h"
#include "server/service/unary_call.h"
#include "server/service/watch_stream.h"

namespace marrow {
namespace {

// A call that only ends.
template <typename Response>
class RefusedRead final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedRead(const absl::Status& status) { this->Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

// Why there was no ticket.
absl::Status Refusal(const StreamRegistry& registry, absl::string_view what) {
  if (registry.draining()) return ShuttingDown();
  return WithRetry(WithReason(absl::ResourceExhaustedError(what), "TOO_MANY_REQUESTS"),
                   absl::Seconds(1));
}

// Moves a result into the call's response.
template <typename Message>
absl::Status Deliver(absl::StatusOr<Message> result, Message& response) {
  if (!result.ok()) return result.status();
  response = *std::move(result);
  return absl::OkStatus();
}

}  // namespace

void DumpsService::EndIdle(absl::Time deadline) {
  calls_.EndIdle(deadline);
  watches_.EndIdle(deadline);
  core_reads_.EndIdle(deadline);
}

void DumpsService::Drain() {
  watches_.Drain();
  core_reads_.Drain();
  calls_.Drain();
}

grpc::ServerUnaryReactor* DumpsService::Answer(grpc::CallbackServerContext& context,
                                               std::function<absl::Status()> answer) {
  StreamRegistry::Ticket ticket = calls_.Admit();
  if (ticket.ok()) {
    return UnaryCall::Start(context, calls_, std::move(ticket), workers_, std::move(answer));
  }
  grpc::ServerUnaryReactor* refusal = context.DefaultReactor();
  refusal->Finish(ToGrpc(Refusal(calls_, "too many queries wait already; try again")));
  return refusal;
}

grpc::ServerUnaryReactor* DumpsService::GetDump(grpc::CallbackServerContext* context,
                                                const v1::GetDumpRequest* request, v1::Dump* dump) {
  return Answer(*context,
                [=, this] { return Deliver(marrow::GetDump(archive_, *request), *dump); });
}

grpc::ServerUnaryReactor* DumpsService::ListDumps(grpc::CallbackServerContext* context,
                                                  const v1::ListDumpsRequest* request,
                                                  v1::ListDumpsResponse* response) {
  return Answer(*context,
                [=, this] { return Deliver(marrow::ListDumps(archive_, *request), *response); });
}

grpc::ServerWriteReactor<v1::Dump>* DumpsService::WatchDumps(grpc::CallbackServerContext* context,
                                                             const v1::WatchDumpsRequest* request) {
  absl::StatusOr<Filter> filter = FilterOf(request->filter());
  if (!filter.ok()) return new RefusedRead<v1::Dump>(filter.status());
  StreamRegistry::Ticket ticket = watches_.Admit();
  if (!ticket.ok()) return new RefusedRead<v1::Dump>(Refusal(watches_, "too many watches"));
  return WatchStream::Start(*context, watches_, std::move(ticket), hub_, *std::move(filter));
}

grpc::ServerUnaryReactor* DumpsService::GetLog(grpc::CallbackServerContext* context,
                                               const v1::GetLogRequest* request,
                                               v1::GetLogResponse* response) {
  return Answer(*context,
                [=, this] { return Deliver(marrow::GetLog(archive_, *request), *response); });
}

grpc::ServerWriteReactor<v1::ReadCoreResponse>* DumpsService::ReadCore(
    grpc::CallbackServerContext* context, const v1::ReadCoreRequest* request) {
  StreamRegistry::Ticket ticket = core_reads_.Admit();
  if (!ticket.ok()) {
    return new RefusedRead<v1::ReadCoreResponse>(Refusal(core_reads_, "too many core reads"));
  }
  return CoreReadStream::Start(*context, core_reads_, std::move(ticket), archive_, workers_,
                               *request);
}

grpc::ServerUnaryReactor* DumpsService::ReadMemory(grpc::CallbackServerContext* context,
                                                   const v1::ReadMemoryRequest* request,
                                                   v1::ReadMemoryResponse* response) {
  return Answer(*context,
                [=, this] { return Deliver(marrow::ReadMemory(archive_, *request), *response); });
}

grpc::ServerUnaryReactor* DumpsService::DeleteDump(grpc::CallbackServerContext* context,
                                                   const v1::DeleteDumpRequest* request,
                                                   google::protobuf::Empty* /*response*/) {
  return Answer(*context, [=, this] { return marrow::DeleteDump(archive_, *request); });
}

}  // namespace marrow
