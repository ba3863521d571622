// SPDX-License-Identifier: Apache-2.0
// What the unary calls of marrow.v1.Dumps do, without the calls. Thread-safe; disk work. Errors
// carry a reason and belong on the wire as they are.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "marrow/v1/dumps.pb.h"
#include "server/archive/archive.h"

namespace marrow {

absl::StatusOr<v1::Dump> GetDump(Archive& archive, const v1::GetDumpRequest& request);
absl::StatusOr<v1::ListDumpsResponse> ListDumps(Archive& archive,
                                                const v1::ListDumpsRequest& request);
absl::StatusOr<v1::GetLogResponse> GetLog(Archive& archive, const v1::GetLogRequest& request);
absl::StatusOr<v1::ReadMemoryResponse> ReadMemory(Archive& archive,
                                                  const v1::ReadMemoryRequest& request);
absl::Status DeleteDump(Archive& archive, const v1::DeleteDumpRequest& request);

// The filter, or InvalidArgument with reason FILTER_INVALID.
absl::StatusOr<Filter> FilterOf(absl::string_view text);

}  // namespace marrow
