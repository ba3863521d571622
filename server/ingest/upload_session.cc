// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/upload_session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "server/ingest/manifest_check.h"
#include "server/triage/crash_title.h"
#include "server/triage/kernel_log.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {
namespace {

using v1::UploadRequest;
using v1::UploadResponse;

absl::Status Refuse(absl::string_view reason, absl::string_view why) {
  return WithReason(absl::InvalidArgumentError(why), reason);
}

absl::Status CheckBegin(const UploadRequest::Begin& begin, const IngestLimits& limits) {
  if (begin.manifest().ByteSizeLong() > limits.max_manifest_bytes) {
    return Refuse("MANIFEST_TOO_LARGE",
                  absl::StrCat("the manifest has ", begin.manifest().ByteSizeLong(),
                               " bytes; this store takes ", limits.max_manifest_bytes));
  }
  if (absl::Status s = CheckManifest(begin.manifest()); !s.ok()) return s;
  if (begin.core_bytes() == 0) return Refuse("CORE_SIZE_INVALID", "core_bytes must not be 0");
  if (begin.core_bytes() > limits.max_core_bytes) {
    return Refuse("CORE_TOO_LARGE",
                  absl::StrCat("the core has ", begin.core_bytes(), " bytes; this store takes ",
                               limits.max_core_bytes, " (--max-core-bytes)"));
  }
  if (begin.core_sha256().size() != Sha256Digest().size()) {
    return Refuse("CORE_DIGEST_INVALID", "core_sha256 must have 32 bytes");
  }
  const auto& encodings = begin.accepted_encodings();
  if (!encodings.empty() &&
      std::find(encodings.begin(), encodings.end(), v1::ENCODING_IDENTITY) == encodings.end()) {
    return Refuse("ENCODING_UNSUPPORTED", "this store takes ENCODING_IDENTITY only");
  }
  return absl::OkStatus();
}

absl::Status CheckChunk(const UploadRequest::Chunk& chunk, const PartialUpload& partial,
                        const IngestLimits& limits) {
  if (chunk.offset() != partial.size_bytes()) {
    return Refuse("CHUNK_OUT_OF_ORDER",
                  absl::StrCat("the chunk begins at byte ", chunk.offset(), "; byte ",
                               partial.size_bytes(), " comes next"));
  }
  if (chunk.data().empty() || chunk.data().size() > limits.max_chunk_bytes) {
    return Refuse("CHUNK_SIZE_INVALID",
                  absl::StrCat("a chunk must have 1 to ", limits.max_chunk_bytes, " bytes"));
  }
  if (chunk.data().size() > partial.identity().core_bytes - partial.size_bytes()) {
    return Refuse("CORE_SIZE_MISMATCH", "the chunk ends behind core_bytes");
  }
  if (Crc32c(AsBytes(chunk.data())) != chunk.crc32c()) {
    return WithReason(absl::DataLossError(absl::StrCat("the chunk at byte ", chunk.offset(),
                                                       " does not have its CRC-32C")),
                      "CHUNK_CRC_MISMATCH");
  }
  return absl::OkStatus();
}

UploadIdentity IdentityOf(const UploadRequest::Begin& begin) {
  UploadIdentity identity{.dump_id = begin.manifest().dump_id(), .core_bytes = begin.core_bytes()};
  std::copy_n(AsBytes(begin.core_sha256()).begin(), identity.core_sha256.size(),
              identity.core_sha256.begin());
  return identity;
}

Sha256Digest DigestOf(const ByteSource& source) {
  Sha256 sha;
  std::vector<std::byte> buffer(1 << 20);
  for (std::uint64_t at = 0; at < source.size(); at += buffer.size()) {
    const auto n =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), source.size() - at));
    const MutableBytes piece(buffer.data(), n);
    if (!source.ReadAt(at, piece).ok()) break;  // an unreadable source has no digest to match
    sha.Update(piece);
  }
  return sha.Finish();
}

std::string TitleOf(const CoreReader& core) {
  // Not every kernel's log can be read; such a dump has no title, and GetLog says why.
  const absl::StatusOr<KernelLog> log = ReadKernelLog(core);
  return log.ok() ? CrashTitle(*log) : "";
}

// Damage on the way or on our disk is not the sender's fault: only bytes that are as they were
// meant to be are refused for good.
absl::Status Malformed(const PartialUpload& partial, const absl::Status& why) {
  if (!absl::IsInvalidArgument(why)) return why;  // our disk failed, and nothing is known
  if (DigestOf(partial.content()) != partial.identity().core_sha256) {
    return absl::DataLossError("the core does not have its SHA-256; send it again");
  }
  return Refuse("CORE_MALFORMED", absl::StrCat("not an ELF core: ", why.message()));
}

absl::Status Committing() {
  return WithRetry(WithReason(absl::UnavailableError("an earlier stream of this dump is being "
                                                     "committed; begin again to see what came of "
                                                     "it"),
                              "UPLOAD_COMMITTING"),
                   absl::Seconds(1));
}

// A full disk is worth waiting for.
absl::Status WithAdvice(const absl::Status& status, absl::Duration retry_delay) {
  if (!absl::IsResourceExhausted(status) || RetryDelayOf(status)) return status;
  return WithRetry(WithReason(status, "DISK_FULL"), retry_delay);
}

}  // namespace

UploadSession::~UploadSession() {
  // Nobody is left to tell; what is not durable was never acknowledged.
  (void)Suspend();
}

UploadSession::Answer UploadSession::Handle(const UploadRequest& request) {
  Answer answer = Dispatch(request);
  if (answer.ok()) return answer;
  return WithAdvice(answer.status(), ingestor_.limits_.retry_delay);
}

UploadSession::Answer UploadSession::Dispatch(const UploadRequest& request) {
  if (slot_ == nullptr) {
    if (!request.has_begin()) {
      return Refuse("PROTOCOL_VIOLATION", "the first message of an upload must be Begin");
    }
    return Begin(request.begin());
  }
  std::unique_lock lock(slot_->mutex);
  if (slot_->owner != this) {
    return WithReason(absl::AbortedError("a newer stream uploads this dump"), "UPLOAD_SUPERSEDED");
  }
  if (partial_ != nullptr && !done_) {
    if (request.has_chunk()) return Receive(request.chunk());
    if (request.has_commit()) return Commit(lock);
  }
  return Refuse("PROTOCOL_VIOLATION", "only Chunk messages and one Commit may follow Begin");
}

UploadSession::Answer UploadSession::Begin(const UploadRequest::Begin& begin) {
  if (absl::Status s = CheckBegin(begin, ingestor_.limits_); !s.ok()) return s;
  slot_ = ingestor_.SlotOf(begin.manifest().dump_id());
  const std::lock_guard lock(slot_->mutex);
  if (slot_->committing) return Committing();
  if (slot_->owner != nullptr) {
    // If the older stream's last bytes cannot be made durable, this one sends them again.
    (void)slot_->owner->ReleaseFiles();
  }
  slot_->owner = this;
  Answer stored = FindStored(begin);
  if (!stored.ok() || stored->has_value()) return stored;
  return Accept(begin);
}

UploadSession::Answer UploadSession::FindStored(const UploadRequest::Begin& begin) {
  absl::StatusOr<v1::Dump> dump = ingestor_.archive_.Get(begin.manifest().dump_id());
  if (absl::IsNotFound(dump.status())) return std::nullopt;
  if (!dump.ok()) return dump.status();
  if (dump->core_bytes() != begin.core_bytes() || dump->core_sha256() != begin.core_sha256()) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(dump->name(), " is stored with another core")),
        "DUMP_ID_TAKEN", {{"dump", dump->name()}});
  }
  done_ = true;
  UploadResponse response;
  *response.mutable_already_stored()->mutable_dump() = *std::move(dump);
  return response;
}

UploadSession::Answer UploadSession::Accept(const UploadRequest::Begin& begin) {
  auto partial = PartialUpload::Open(ingestor_.files_, ingestor_.directory_, IdentityOf(begin));
  if (!partial.ok()) return partial.status();
  auto part = ingestor_.Reserve(begin.core_bytes() - (*partial)->size_bytes());
  if (!part.ok()) return part.status();
  auto blob = ingestor_.Reserve(begin.core_bytes());
  if (!blob.ok()) return blob.status();
  manifest_ = begin.manifest().SerializeAsString();
  partial_ = *std::move(partial);
  part_reservation_ = *std::move(part);
  blob_reservation_ = *std::move(blob);
  UploadResponse response;
  response.mutable_accept()->set_offset(partial_->durable_bytes());
  response.mutable_accept()->set_encoding(v1::ENCODING_IDENTITY);
  return response;
}

UploadSession::Answer UploadSession::Receive(const UploadRequest::Chunk& chunk) {
  if (absl::Status s = CheckChunk(chunk, *partial_, ingestor_.limits_); !s.ok()) return s;
  absl::Status status = partial_->Append(AsBytes(chunk.data()));
  part_reservation_.Use(chunk.data().size());
  const bool due =
      partial_->size_bytes() - partial_->durable_bytes() >= ingestor_.limits_.checkpoint_bytes;
  if (status.ok() && due) status = partial_->Checkpoint(ingestor_.clock_());
  if (!status.ok()) {
    partial_.reset();
    return status;
  }
  if (!due) return std::nullopt;
  UploadResponse response;
  response.mutable_progress()->set_durable_bytes(partial_->durable_bytes());
  return response;
}

absl::StatusOr<v1::Dump> UploadSession::DescribeDump(const CoreReader& core) const {
  const UploadIdentity& identity = partial_->identity();
  v1::Dump dump;
  dump.set_name(DumpName(identity.dump_id));
  if (!dump.mutable_manifest()->ParseFromString(manifest_)) {
    return absl::InternalError("a manifest that was accepted cannot be parsed again");
  }
  dump.set_state(dump.manifest().missing().empty() ? v1::DUMP_STATE_COMPLETE
                                                   : v1::DUMP_STATE_PARTIAL);
  const std::int64_t now_ns = absl::ToUnixNanos(ingestor_.clock_());
  dump.mutable_receive_time()->set_seconds(now_ns / 1'000'000'000);
  dump.mutable_receive_time()->set_nanos(static_cast<std::int32_t>(now_ns % 1'000'000'000));
  dump.set_core_bytes(identity.core_bytes);
  dump.set_core_sha256(AsText(identity.core_sha256).data(), identity.core_sha256.size());
  dump.set_title(TitleOf(core));
  return dump;
}

absl::StatusOr<v1::Dump> UploadSession::Store() const {
  const absl::StatusOr<CoreReader> core = CoreReader::Open(partial_->content());
  if (!core.ok()) return Malformed(*partial_, core.status());
  absl::StatusOr<v1::Dump> dump = DescribeDump(*core);
  if (!dump.ok()) return dump.status();
  return ingestor_.archive_.Add(*std::move(dump), partial_->content());
}

UploadSession::Answer UploadSession::Commit(std::unique_lock<std::mutex>& lock) {
  const UploadIdentity identity = partial_->identity();
  if (partial_->size_bytes() != identity.core_bytes) {
    return Refuse("CORE_SIZE_MISMATCH", absl::StrCat("Commit after ", partial_->size_bytes(),
                                                     " of ", identity.core_bytes, " bytes"));
  }
  slot_->committing = true;
  lock.unlock();
  absl::StatusOr<v1::Dump> dump = Store();
  lock.lock();
  slot_->committing = false;
  blob_reservation_ = DiskReservation();
  if (dump.ok() || absl::IsDataLoss(dump.status()) || absl::IsInvalidArgument(dump.status())) {
    partial_.reset();
    // Of no consequence but the space, which CollectLeftovers gets back.
    (void)RemovePartialUpload(ingestor_.files_, ingestor_.directory_, identity.dump_id);
  }
  if (absl::IsDataLoss(dump.status())) return WithReason(dump.status(), "CORE_DIGEST_MISMATCH");
  if (!dump.ok()) return dump.status();
  done_ = true;
  UploadResponse response;
  *response.mutable_committed()->mutable_dump() = *std::move(dump);
  return response;
}

absl::Status UploadSession::ReleaseFiles() {
  part_reservation_ = DiskReservation();
  blob_reservation_ = DiskReservation();
  const std::unique_ptr<PartialUpload> partial = std::move(partial_);
  if (partial == nullptr || partial->size_bytes() == partial->durable_bytes()) {
    return absl::OkStatus();
  }
  return partial->Checkpoint(ingestor_.clock_());
}

absl::Status UploadSession::Suspend() {
  if (slot_ == nullptr) return absl::OkStatus();
  const std::lock_guard lock(slot_->mutex);
  if (slot_->owner != this) return absl::OkStatus();
  slot_->owner = nullptr;
  return ReleaseFiles();
}

}  // namespace marrow
