// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace marrow {

// The codes are the same; payloads travel as the details of a google.rpc.Status in
// `grpc-status-details-bin`, where every gRPC client finds them.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace marrow
