// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "marrow/v1/ingest.grpc.pb.h"
#include "server/ingest/ingestor.h"
#include "server/service/stream.h"
#include "server/service/upload_stream.h"
#include "server/service/watch_hub.h"
#include "server/service/worker_pool.h"

namespace marrow {

// Admission. A stream holds at most one message of 2 MiB and what HTTP/2 lets through ahead of it,
// 1 MiB: 128 streams stay under 400 MiB whatever their hosts do.
struct UploadLimits {
  std::size_t max_streams = 128;
  // Received and not yet handled; new streams are refused while there is more.
  std::uint64_t max_bytes_in_flight = 128 << 20;
  absl::Duration retry_delay = absl::Seconds(5);
};

// marrow.v1.Ingest: runs upload sessions.
class IngestService final : public v1::Ingest::CallbackService {
 public:
  // All must outlive the service, and the service its calls.
  IngestService(Ingestor& ingestor, WatchHub& hub, WorkerPool& workers, UploadLimits limits)
      : ingestor_(ingestor),
        hub_(hub),
        workers_(workers),
        limits_(limits),
        streams_(limits.max_streams) {}

  void EndIdle(absl::Time deadline) { streams_.EndIdle(deadline); }
  void Drain() { streams_.Drain(); }

  grpc::ServerBidiReactor<v1::UploadRequest, v1::UploadResponse>* Upload(
      grpc::CallbackServerContext* context) override;

 private:
  Ingestor& ingestor_;
  WatchHub& hub_;
  WorkerPool& workers_;
  const UploadLimits limits_;
  std::atomic<std::uint64_t> bytes_in_flight_{0};
  StreamRegistry streams_;
};

}  // namespace marrow
