// SPDX-License-Identifier: Apache-2.0
// The border between gRPC's statuses and ours. Codes keep their numbers.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace marrow {

// With the peer's ErrorInfo reason, if it sent one, in front of the message.
absl::Status FromGrpcStatus(const grpc::Status& status);

// What the peer's RetryInfo asks for; nothing where it sent none, or one that is not a time to
// wait.
std::optional<absl::Duration> RetryDelay(const grpc::Status& status);

// With an ErrorInfo of domain "marrow.dev".
grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view reason);

}  // namespace marrow
