// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "marrow/v1/ingest.grpc.pb.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

// One Ingest.Upload stream, a step at a time. Not thread-safe, but for Cancel. Every error is the
// stream's final status, with its details; after one the object is of no more use.
class UploadStreamClient {
 public:
  explicit UploadStreamClient(const std::shared_ptr<grpc::Channel>& channel);
  // Cancels the stream if it has not ended.
  ~UploadStreamClient();

  // Sends Begin; the answer is Accept or AlreadyStored.
  absl::StatusOr<v1::UploadResponse> Begin(const v1::Manifest& manifest, std::uint64_t core_bytes,
                                           Bytes core_sha256);
  // Returns when the message is on its way, not when the store has it.
  absl::Status SendChunk(std::uint64_t offset, Bytes data);
  // Reads answers until one is not Progress, or the stream ends.
  absl::StatusOr<v1::Dump> Commit();
  // The next answer.
  absl::StatusOr<v1::UploadResponse> Receive();
  void Cancel() { context_.TryCancel(); }

 private:
  absl::Status Send(const v1::UploadRequest& request);
  absl::Status End();

  std::unique_ptr<v1::Ingest::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::UploadRequest, v1::UploadResponse>> stream_;
  std::optional<absl::Status> end_;
};

struct UploadResult {
  v1::Dump dump;
  bool was_stored = false;         // before this call
  std::uint64_t resumed_from = 0;  // bytes that the store had already
};

// A whole upload over one stream. It is resumed by calling again with the same arguments.
absl::StatusOr<UploadResult> UploadDump(const std::shared_ptr<grpc::Channel>& channel,
                                        const v1::Manifest& manifest, const ByteSource& core,
                                        Bytes core_sha256, std::size_t chunk_bytes = 1 << 20);

}  // namespace marrow
