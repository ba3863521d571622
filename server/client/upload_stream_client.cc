// SPDX-License-Identifier: Apache-2.0
#include "server/client/upload_stream_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "server/errors/grpc_status.h"
#include "vmm_backend/base/crc32c.h"

namespace marrow {

UploadStreamClient::UploadStreamClient(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::Ingest::NewStub(channel)), stream_(stub_->Upload(&context_)) {}

UploadStreamClient::~UploadStreamClient() {
  context_.TryCancel();
  (void)End();  // nobody asks any more
}

absl::Status UploadStreamClient::End() {
  if (!end_) {
    // Finish wants all messages read; a store that refuses may have sent Progress before.
    v1::UploadResponse rest;
    while (stream_->Read(&rest)) {
    }
    end_ = FromGrpc(stream_->Finish());
  }
  return end_->ok() ? absl::InternalError("the store ended the upload without a result") : *end_;
}

absl::Status UploadStreamClient::Send(const v1::UploadRequest& request) {
  if (end_ || !stream_->Write(request)) return End();
  return absl::OkStatus();
}

absl::StatusOr<v1::UploadResponse> UploadStreamClient::Receive() {
  v1::UploadResponse response;
  if (end_ || !stream_->Read(&response)) return End();
  return response;
}

absl::StatusOr<v1::UploadResponse> UploadStreamClient::Begin(const v1::Manifest& manifest,
                                                             std::uint64_t core_bytes,
                                                             Bytes core_sha256) {
  v1::UploadRequest request;
  *request.mutable_begin()->mutable_manifest() = manifest;
  request.mutable_begin()->set_core_bytes(core_bytes);
  request.mutable_begin()->set_core_sha256(AsText(core_sha256).data(), core_sha256.size());
  if (absl::Status s = Send(request); !s.ok()) return s;
  return Receive();
}

absl::Status UploadStreamClient::SendChunk(std::uint64_t offset, Bytes data) {
  v1::UploadRequest request;
  request.mutable_chunk()->set_offset(offset);
  request.mutable_chunk()->set_data(AsText(data).data(), data.size());
  request.mutable_chunk()->set_crc32c(Crc32c(data));
  return Send(request);
}

absl::StatusOr<v1::Dump> UploadStreamClient::Commit() {
  v1::UploadRequest request;
  request.mutable_commit();
  if (absl::Status s = Send(request); !s.ok()) return s;
  while (true) {
    absl::StatusOr<v1::UploadResponse> response = Receive();
    if (!response.ok()) return response.status();
    if (response->has_committed()) return std::move(*response->mutable_committed()->mutable_dump());
    if (!response->has_progress()) {
      return absl::InternalError("the store answered Commit with something else");
    }
  }
}

absl::StatusOr<UploadResult> UploadDump(const std::shared_ptr<grpc::Channel>& channel,
                                        const v1::Manifest& manifest, const ByteSource& core,
                                        Bytes core_sha256, std::size_t chunk_bytes) {
  UploadStreamClient stream(channel);
  absl::StatusOr<v1::UploadResponse> answer = stream.Begin(manifest, core.size(), core_sha256);
  if (!answer.ok()) return answer.status();
  if (answer->has_already_stored()) {
    return UploadResult{.dump = std::move(*answer->mutable_already_stored()->mutable_dump()),
                        .was_stored = true,
                        .resumed_from = core.size()};
  }
  UploadResult result{.dump = {}, .resumed_from = answer->accept().offset()};
  std::vector<std::byte> buffer(chunk_bytes);
  for (std::uint64_t offset = result.resumed_from; offset < core.size();) {
    const auto n =
        static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, core.size() - offset));
    const MutableBytes piece(buffer.data(), n);
    if (absl::Status s = core.ReadAt(offset, piece); !s.ok()) return s;
    if (absl::Status s = stream.SendChunk(offset, piece); !s.ok()) return s;
    offset += n;
  }
  absl::StatusOr<v1::Dump> dump = stream.Commit();
  if (!dump.ok()) return dump.status();
  result.dump = *std::move(dump);
  return result;
}

}  // namespace marrow
