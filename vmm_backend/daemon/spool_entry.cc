// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/spool_entry.h"

#include "absl/strings/str_cat.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/base/sha256.h"
#include "vmm_backend/base/ulid.h"

namespace marrow {
namespace {

constexpr absl::string_view kMagic = "MRWSPL01";
constexpr std::size_t kLengthOffset = 8;
constexpr std::size_t kCrcOffset = 12;
constexpr std::size_t kHeaderBytes = 16;

// What is wrong with the message, or "".
std::string Fault(absl::string_view id, const v1::UploadRequest::Begin& begin) {
  if (!IsUlid(id)) return absl::StrCat("\"", id, "\" is not a dump id");
  if (begin.manifest().dump_id() != absl::string_view(id)) {
    return absl::StrCat("the manifest is that of dump \"", begin.manifest().dump_id(), "\"");
  }
  if (begin.core_sha256().size() != Sha256Digest{}.size()) {
    return absl::StrCat("the SHA-256 has ", begin.core_sha256().size(), " bytes");
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> EncodeSpoolEntry(const SpoolEntry& entry) {
  if (const std::string fault = Fault(entry.id, entry.begin); !fault.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot spool a dump: ", fault));
  }
  const std::uint64_t payload_bytes = entry.begin.ByteSizeLong();
  if (payload_bytes > kMaxSpoolEntryBytes - kHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot spool dump ", entry.id, ": its manifest has ", payload_bytes,
                     " bytes, more than the ", kMaxSpoolEntryBytes, " an entry may have"));
  }
  std::string file(kMagic.data(), kMagic.size());
  file.resize(kHeaderBytes);
  if (!entry.begin.AppendToString(&file)) return absl::InternalError("cannot serialise a manifest");
  const MutableBytes bytes = std::as_writable_bytes(std::span(file));
  StoreAt(bytes, kLengthOffset, static_cast<std::uint32_t>(payload_bytes));
  StoreAt(bytes, kCrcOffset, Crc32c(bytes.subspan(kHeaderBytes)));
  return file;
}

absl::StatusOr<SpoolEntry> DecodeSpoolEntry(absl::string_view id, Bytes file) {
  if (file.size() < kHeaderBytes || AsText(file.first(kMagic.size())) != kMagic) {
    return absl::DataLossError("the entry does not start with a spool header");
  }
  const Bytes payload = file.subspan(kHeaderBytes);
  if (const auto length = LoadAt<std::uint32_t>(file, kLengthOffset); length != payload.size()) {
    return absl::DataLossError(
        absl::StrCat("the entry holds ", payload.size(), " bytes where ", length, " were written"));
  }
  if (LoadAt<std::uint32_t>(file, kCrcOffset) != Crc32c(payload)) {
    return absl::DataLossError("the entry's CRC-32C does not match its bytes");
  }
  SpoolEntry entry;
  entry.id = std::string(id);
  if (!entry.begin.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::DataLossError("the entry is not an UploadRequest.Begin message");
  }
  if (const std::string fault = Fault(id, entry.begin); !fault.empty()) {
    return absl::DataLossError(absl::StrCat("the entry is damaged: ", fault));
  }
  return entry;
}

}  // namespace marrow
