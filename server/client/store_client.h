// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "marrow/v1/dumps.grpc.pb.h"

namespace marrow {

// marrow.v1.Dumps with absl statuses, whose payloads are the error details (server/errors). Calls
// block. Thread-safe.
class StoreClient {
 public:
  // `timeout` is of the calls that give one answer; streams have none.
  explicit StoreClient(const std::shared_ptr<grpc::Channel>& channel,
                       absl::Duration timeout = absl::Seconds(60))
      : stub_(v1::Dumps::NewStub(channel)), timeout_(timeout) {}

  absl::StatusOr<v1::Dump> GetDump(const v1::GetDumpRequest& request);
  absl::StatusOr<v1::ListDumpsResponse> ListDumps(const v1::ListDumpsRequest& request);
  absl::StatusOr<v1::GetLogResponse> GetLog(const v1::GetLogRequest& request);
  absl::StatusOr<v1::ReadMemoryResponse> ReadMemory(const v1::ReadMemoryRequest& request);
  absl::Status DeleteDump(const v1::DeleteDumpRequest& request);

  // Gives the core's bytes in order, each piece checked against its CRC-32C: DataLoss if one does
  // not have it. An error of `take` ends the call and is returned.
  absl::Status ReadCore(const v1::ReadCoreRequest& request,
                        const std::function<absl::Status(const std::string&)>& take);

  // Calls `started` when the store has subscribed the call and `take` for every new dump, until the
  // stream ends or `take` returns an error, which is returned. `context` lets another thread
  // cancel.
  absl::Status WatchDumps(grpc::ClientContext& context, const v1::WatchDumpsRequest& request,
                          const std::function<void()>& started,
                          const std::function<absl::Status(const v1::Dump&)>& take);

 private:
  const std::unique_ptr<v1::Dumps::Stub> stub_;
  const absl::Duration timeout_;
};

}  // namespace marrow
