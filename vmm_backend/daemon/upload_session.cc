// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/upload_session.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/base/sha256.h"
#include "vmm_backend/daemon/upload_stream.h"

namespace marrow {
namespace {

constexpr std::uint64_t kDigestBytes = 1 << 20;

class Session {
 public:
  Session(v1::Ingest::StubInterface& stub, const SpoolEntry& entry, const ByteSource& core,
          const SessionOptions& options)
      : entry_(entry), core_(core), options_(options), stream_(stub, options.stall_timeout) {}

  UploadStream& stream() { return stream_; }

  // The dump as the store holds it.
  absl::StatusOr<v1::Dump> Run() {
    *request_.mutable_begin() = entry_.begin;
    if (absl::Status status = stream_.Write(request_); !status.ok()) return status;
    absl::StatusOr<v1::UploadResponse> answer = stream_.Read();
    if (!answer.ok()) return answer.status();
    if (answer->has_already_stored()) return Acknowledged(answer->already_stored().dump());
    if (!answer->has_accept()) return Unexpected(*answer, "Begin");
    absl::Status status = CheckAccept(answer->accept());
    if (status.ok()) status = SendCore(answer->accept().offset());
    if (!status.ok()) return status;
    return Commit();
  }

 private:
  absl::Status CheckAccept(const v1::UploadResponse::Accept& accept) const {
    if (accept.offset() > core_.size()) {
      return absl::InternalError(absl::StrCat("the store asks for bytes from ", accept.offset(),
                                              " of a core that has ", core_.size()));
    }
    if (accept.encoding() != v1::ENCODING_IDENTITY &&
        accept.encoding() != v1::ENCODING_UNSPECIFIED) {
      return absl::InternalError(absl::StrCat("the store asks for encoding ", accept.encoding(),
                                              ", which this host did not offer"));
    }
    return absl::OkStatus();
  }

  absl::Status SendCore(std::uint64_t offset) {
    while (offset < core_.size()) {
      if (absl::Status status = SkipProgress(); !status.ok()) return status;
      v1::UploadRequest::Chunk& chunk = *request_.mutable_chunk();
      std::string& data = *chunk.mutable_data();
      data.resize(std::min<std::uint64_t>(options_.chunk_bytes, core_.size() - offset));
      absl::Status status = core_.ReadAt(offset, std::as_writable_bytes(std::span(data)));
      if (!status.ok()) return status;
      chunk.set_offset(offset);
      chunk.set_crc32c(Crc32c(AsBytes(data)));
      if (status = stream_.Write(request_); !status.ok()) return status;
      offset += data.size();
    }
    return absl::OkStatus();
  }

  // Takes what the store has said so far, so that it is never held up by us.
  absl::Status SkipProgress() {
    while (stream_.CanRead()) {
      absl::StatusOr<v1::UploadResponse> response = stream_.Read();
      if (!response.ok()) return response.status();
      if (!response->has_progress()) return Unexpected(*response, "Chunk");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<v1::Dump> Commit() {
    request_.mutable_commit();
    if (absl::Status status = stream_.Write(request_); !status.ok()) return status;
    while (true) {
      absl::StatusOr<v1::UploadResponse> response = stream_.Read();
      if (!response.ok()) return response.status();
      if (response->has_committed()) return Acknowledged(response->committed().dump());
      if (!response->has_progress()) return Unexpected(*response, "Commit");
    }
  }

  // The spool's copy goes on the strength of this answer: it must speak of these very bytes.
  absl::StatusOr<v1::Dump> Acknowledged(const v1::Dump& dump) {
    if (dump.core_sha256() != entry_.begin.core_sha256()) {
      return absl::InternalError(absl::StrCat("the store acknowledges a core with SHA-256 \"",
                                              Hex(AsBytes(dump.core_sha256())), "\"; ours is ",
                                              Hex(AsBytes(entry_.begin.core_sha256()))));
    }
    stream_.Close();
    return dump;
  }

  static absl::Status Unexpected(const v1::UploadResponse& response, absl::string_view after) {
    return absl::InternalError(absl::StrCat("the store breaks the protocol: response ",
                                            static_cast<int>(response.message_case()), " after ",
                                            after));
  }

  const SpoolEntry& entry_;
  const ByteSource& core_;
  const SessionOptions& options_;
  v1::UploadRequest request_;  // outlives the stream, as Write demands
  UploadStream stream_;
};

}  // namespace

UploadAttempt UploadDump(v1::Ingest::StubInterface& stub, const SpoolEntry& entry,
                         const ByteSource& core, const SessionOptions& options,
                         std::stop_token stop) {
  Session session(stub, entry, core, options);
  const std::stop_callback cancel(std::move(stop), [&session] { session.stream().Cancel(); });
  absl::StatusOr<v1::Dump> dump = session.Run();
  UploadAttempt attempt;
  attempt.status = dump.status();
  attempt.reached_store = session.stream().reached_store();
  attempt.retry_after = session.stream().retry_delay();
  if (dump.ok()) attempt.dump = *std::move(dump);
  return attempt;
}

absl::Status VerifyCore(const SpoolEntry& entry, const ByteSource& core, std::stop_token stop) {
  if (core.size() != entry.begin.core_bytes()) {
    return absl::DataLossError(absl::StrCat("the core has ", core.size(), " bytes where ",
                                            entry.begin.core_bytes(), " were written"));
  }
  Sha256 digest;
  std::vector<std::byte> buffer(std::min(kDigestBytes, core.size()));
  for (std::uint64_t offset = 0; offset < core.size(); offset += buffer.size()) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    buffer.resize(std::min(kDigestBytes, core.size() - offset));
    if (absl::Status status = core.ReadAt(offset, buffer); !status.ok()) return status;
    digest.Update(buffer);
  }
  const Sha256Digest found = digest.Finish();
  if (AsText(found) == absl::string_view(entry.begin.core_sha256())) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the core's SHA-256 is ", Hex(found), " where ",
                                          Hex(AsBytes(entry.begin.core_sha256())),
                                          " was written: it was damaged on this host"));
}

}  // namespace marrow
