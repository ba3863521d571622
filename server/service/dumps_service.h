// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "marrow/v1/dumps.grpc.pb.h"
#include "server/archive/archive.h"
#include "server/service/stream.h"
#include "server/service/watch_hub.h"
#include "server/service/worker_pool.h"

namespace marrow {

struct QueryLimits {
  // Unary calls that wait, run or have an answer that is not taken yet, of up to 4 MiB.
  std::size_t max_calls = 128;
  std::size_t max_watches = 256;
  std::size_t max_core_reads = 64;
};

// marrow.v1.Dumps: answers from the archive.
class DumpsService final : public v1::Dumps::CallbackService {
 public:
  // All must outlive the service, and the service its calls.
  DumpsService(Archive& archive, WatchHub& hub, WorkerPool& workers, QueryLimits limits)
      : archive_(archive),
        hub_(hub),
        workers_(workers),
        calls_(limits.max_calls),
        watches_(limits.max_watches),
        core_reads_(limits.max_core_reads) {}

  void EndIdle(absl::Time deadline);
  void Drain();

  grpc::ServerUnaryReactor* GetDump(grpc::CallbackServerContext* context,
                                    const v1::GetDumpRequest* request, v1::Dump* dump) override;
  grpc::ServerUnaryReactor* ListDumps(grpc::CallbackServerContext* context,
                                      const v1::ListDumpsRequest* request,
                                      v1::ListDumpsResponse* response) override;
  grpc::ServerWriteReactor<v1::Dump>* WatchDumps(grpc::CallbackServerContext* context,
                                                 const v1::WatchDumpsRequest* request) override;
  grpc::ServerUnaryReactor* GetLog(grpc::CallbackServerContext* context,
                                   const v1::GetLogRequest* request,
                                   v1::GetLogResponse* response) override;
  grpc::ServerWriteReactor<v1::ReadCoreResponse>* ReadCore(
      grpc::CallbackServerContext* context, const v1::ReadCoreRequest* request) override;
  grpc::ServerUnaryReactor* ReadMemory(grpc::CallbackServerContext* context,
                                       const v1::ReadMemoryRequest* request,
                                       v1::ReadMemoryResponse* response) override;
  grpc::ServerUnaryReactor* DeleteDump(grpc::CallbackServerContext* context,
                                       const v1::DeleteDumpRequest* request,
                                       google::protobuf::Empty* response) override;

 private:
  // Runs `answer` on a worker and finishes the call with what it returns.
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext& context,
                                   std::function<absl::Status()> answer);

  Archive& archive_;
  WatchHub& hub_;
  WorkerPool& workers_;
  StreamRegistry calls_;
  StreamRegistry watches_;
  StreamRegistry core_reads_;
};

}  // namespace marrow
