// SPDX-License-Identifier: Apache-2.0
#include "server/service/ingest_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"

namespace marrow {
namespace {

class RefusedUpload final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit RefusedUpload(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

absl::Status TooManyUploads(const UploadLimits& limits) {
  return WithRetry(
      WithReason(absl::ResourceExhaustedError(absl::StrCat(
                     "the store is busy with up to ", limits.max_streams, " uploads and ",
                     limits.max_bytes_in_flight, " bytes in flight; try again")),
                 "TOO_MANY_UPLOADS"),
      limits.retry_delay);
}

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IngestService::Upload(
    grpc::CallbackServerContext* context) {
  if (bytes_in_flight_ > limits_.max_bytes_in_flight) {
    return new RefusedUpload(TooManyUploads(limits_));
  }
  StreamRegistry::Ticket ticket = streams_.Admit();
  if (!ticket.ok()) return new RefusedUpload(TooManyUploads(limits_));
  return UploadStream::Start(*context, streams_, std::move(ticket), ingestor_.NewSession(),
                             {workers_, hub_, bytes_in_flight_});
}

}  // namespace marrow
