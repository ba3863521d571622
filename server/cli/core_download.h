// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "marrow/v1/dumps.grpc.pb.h"
#include "server/cli/session.h"

namespace marrow::cli {

// Told how much is there, as it grows.
using DownloadProgress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

// Makes `path` the core of `dump`. Bytes go to "<path>.<dump id>.part", which a later call
// continues; every message is checked against its CRC-32C and the whole against the dump's SHA-256
// before the rename to `path`. A file at `path` that is the core already is left as it is. DataLoss
// if bytes do not match: the partial file is then gone. FailedPrecondition while another download
// writes the partial file.
absl::Status DownloadCore(Session& session, const v1::Dump& dump, const std::string& path,
                          const DownloadProgress& progress);

}  // namespace marrow::cli
