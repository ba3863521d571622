// SPDX-License-Identifier: Apache-2.0
#include "server/client/store_client.h"

#include "server/errors/grpc_status.h"
#include "vmm_backend/base/crc32c.h"

namespace marrow {
namespace {

using Stub = v1::Dumps::Stub;

template <typename Response, typename Request>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  return response;
}

}  // namespace

absl::StatusOr<v1::Dump> StoreClient::GetDump(const v1::GetDumpRequest& request) {
  return Call(*stub_, &Stub::GetDump, request, timeout_);
}

absl::StatusOr<v1::ListDumpsResponse> StoreClient::ListDumps(const v1::ListDumpsRequest& request) {
  return Call(*stub_, &Stub::ListDumps, request, timeout_);
}

absl::StatusOr<v1::GetLogResponse> StoreClient::GetLog(const v1::GetLogRequest& request) {
  return Call(*stub_, &Stub::GetLog, request, timeout_);
}

absl::StatusOr<v1::ReadMemoryResponse> StoreClient::ReadMemory(
    const v1::ReadMemoryRequest& request) {
  return Call(*stub_, &Stub::ReadMemory, request, timeout_);
}

absl::Status StoreClient::DeleteDump(const v1::DeleteDumpRequest& request) {
  return Call(*stub_, &Stub::DeleteDump, request, timeout_).status();
}

absl::Status StoreClient::ReadCore(const v1::ReadCoreRequest& request,
                                   const std::function<absl::Status(const std::string&)>& take) {
  grpc::ClientContext context;
  const auto reader = stub_->ReadCore(&context, request);
  v1::ReadCoreResponse piece;
  absl::Status status;
  while (status.ok() && reader->Read(&piece)) {
    status = Crc32c(AsBytes(piece.data())) == piece.crc32c()
                 ? take(piece.data())
                 : absl::DataLossError("a piece of the core was damaged on its way; fetch again");
  }
  if (!status.ok()) context.TryCancel();
  const absl::Status end = FromGrpc(reader->Finish());
  return status.ok() ? end : status;
}

absl::Status StoreClient::WatchDumps(grpc::ClientContext& context,
                                     const v1::WatchDumpsRequest& request,
                                     const std::function<void()>& started,
                                     const std::function<absl::Status(const v1::Dump&)>& take) {
  const auto reader = stub_->WatchDumps(&context, request);
  reader->WaitForInitialMetadata();
  started();
  v1::Dump dump;
  absl::Status status;
  while (status.ok() && reader->Read(&dump)) status = take(dump);
  if (!status.ok()) context.TryCancel();
  const absl::Status end = FromGrpc(reader->Finish());
  return status.ok() ? end : status;
}

}  // namespace marrow
