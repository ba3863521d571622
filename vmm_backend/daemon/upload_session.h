// SPDX-License-Identifier: Apache-2.0
// One attempt to hand one dump to the store (proto/marrow/v1/ingest.proto).
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "marrow/v1/ingest.grpc.pb.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/daemon/spool_entry.h"

namespace marrow {

struct SessionOptions {
  std::size_t chunk_bytes = 1 << 20;
  // The store must take a chunk, or answer, within this time.
  absl::Duration stall_timeout = absl::Seconds(30);
};

struct UploadAttempt {
  absl::Status status;  // OK: the store has acknowledged exactly these bytes
  bool reached_store = false;
  std::optional<absl::Duration> retry_after;  // asked for by the store
  v1::Dump dump;                              // what it stored
};

// Blocks until the store acknowledged or failed, or `stop` is requested: then Cancelled, promptly.
// Besides the store's own errors: DeadlineExceeded when it stalls, Internal when it breaks the
// protocol, and the core's read errors.
UploadAttempt UploadDump(v1::Ingest::StubInterface& stub, const SpoolEntry& entry,
                         const ByteSource& core, const SessionOptions& options,
                         std::stop_token stop);

// DataLoss unless the core has the size and SHA-256 that the entry promises; else the core's read
// error, or Cancelled.
absl::Status VerifyCore(const SpoolEntry& entry, const ByteSource& core, std::stop_token stop);

}  // namespace marrow
