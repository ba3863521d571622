// SPDX-License-Identifier: Apache-2.0
// google.rpc.ErrorInfo and RetryInfo as payloads of an absl::Status: code that knows nothing of
// gRPC says why it fails in a form that programs can compare, and the service puts that on the
// wire.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace marrow {

inline constexpr char kErrorDomain[] = "marrow.dev";

// Payload URLs are those of google.protobuf.Any.
inline constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";
inline constexpr char kRetryInfoUrl[] = "type.googleapis.com/google.rpc.RetryInfo";

using ErrorMetadata = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// `status`, which is an error, with an ErrorInfo. `reason` is UPPER_SNAKE_CASE. A status that has
// one already keeps it: the place nearest to the fault knows best.
absl::Status WithReason(absl::Status status, absl::string_view reason, ErrorMetadata metadata = {});

// Any status, with a reason if it is an error that has none: what SQLite and files report is the
// store's failure (STORE_FAILURE), or its disk's lack of space (DISK_FULL, with a delay).
absl::Status WithLastResort(absl::Status status);

// `status`, which is an error, with the time after which a repetition may succeed.
absl::Status WithRetry(absl::Status status, absl::Duration delay);

// "" when there is none, or one of another domain.
std::string ReasonOf(const absl::Status& status);

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

}  // namespace marrow
