// SPDX-License-Identifier: Apache-2.0
#include "server/errors/grpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "google/rpc/status.pb.h"

namespace marrow {
namespace {

// HTTP/2 peers bound all headers together, by default to 8 KiB.
constexpr std::size_t kMaxMessageBytes = 2048;

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status wire;
  wire.set_code(static_cast<int>(status.code()));
  const absl::string_view message = status.message().substr(0, kMaxMessageBytes);
  status.ForEachPayload([&wire](absl::string_view url, const absl::Cord& payload) {
    google::protobuf::Any& detail = *wire.add_details();
    detail.set_type_url(url.data(), url.size());
    detail.set_value(std::string(payload));
  });
  std::string details;
  if (wire.details_size() > 0) {
    wire.set_message(message.data(), message.size());
    details = wire.SerializeAsString();
  }
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(message), details);
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  google::rpc::Status wire;
  if (!wire.ParseFromString(status.error_details())) return result;
  for (const google::protobuf::Any& detail : wire.details()) {
    result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return result;
}

}  // namespace marrow
