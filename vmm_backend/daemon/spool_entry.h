// SPDX-License-Identifier: Apache-2.0
// The .entry file of a spooled dump: magic "MRWSPL01", payload length (u32), CRC-32C of the payload
// (u32), payload (a serialised UploadRequest.Begin). Little-endian. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "marrow/v1/ingest.pb.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

inline constexpr std::uint64_t kMaxSpoolEntryBytes = 64 << 20;

// What is said about a dump before its bytes: the manifest, and size and SHA-256 of the core.
struct SpoolEntry {
  std::string id;  // the manifest's dump_id
  v1::UploadRequest::Begin begin;
};

// InvalidArgument if the dump_id is not a ULID, the digest has not 32 bytes, or the whole exceeds
// kMaxSpoolEntryBytes.
absl::StatusOr<std::string> EncodeSpoolEntry(const SpoolEntry& entry);

// DataLoss, saying what is wrong, unless `file` is what EncodeSpoolEntry gave for dump `id`.
absl::StatusOr<SpoolEntry> DecodeSpoolEntry(absl::string_view id, Bytes file);

}  // namespace marrow
