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

// The largest message that is read at all: a Begin whose manifest is as large as IngestLimits lets
// it be, and some more that is refused with a reason.
inline constexpr int kMaxUploadMessageBytes = 4 << 20;

// Admission. A stream holds the bytes of at most one message, kMaxUploadMessageBytes, what HTTP/2
// lets through ahead of it, 1 MiB, and the bytes of its manifest. Hosts send messages of 1 MiB: 128
// streams stay under 400 MiB however they stall, and under 1 GiB if all are hostile. Beside that
// each worker has one message parsed: 150 MiB if it is made of nothing but empty submessages.
struct UploadLimits {
  std::size_t max_streams = 128;
  // Received and not yet handled; new streams are refused while there is more.
  std::uint64_t max_bytes_in_flight = 128 << 20;
  absl::Duration retry_delay = absl::Seconds(5);
};

// marrow.v1.Ingest: runs upload sessions.
class IngestService final : public v1::Ingest::WithRawCallbackMethod_Upload<v1::Ingest::Service> {
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

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Upload(
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
