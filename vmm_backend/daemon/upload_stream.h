// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "marrow/v1/ingest.grpc.pb.h"

namespace marrow {

// One Ingest.Upload call with blocking calls that end: each waits at most `stall_timeout` for gRPC
// and then gives the call up with DeadlineExceeded. For one thread, but for Cancel. After an error
// every further call returns an error too.
class UploadStream final : private grpc::ClientBidiReactor<v1::UploadRequest, v1::UploadResponse> {
 public:
  UploadStream(v1::Ingest::StubInterface& stub, absl::Duration stall_timeout);
  // Ends the call.
  ~UploadStream() override;

  // Returns when gRPC has taken the message, which must outlive the stream. The store's status if
  // it ended the call.
  absl::Status Write(const v1::UploadRequest& request);
  // The next response; the store's status if it ended the call, Internal if that was OK.
  absl::StatusOr<v1::UploadResponse> Read();
  // Whether Read would return without waiting.
  bool CanRead();
  // Tells the store that no more comes, and waits for it to end the call, for one second at most.
  void Close();
  // Makes a call that waits return soon. Thread-safe.
  void Cancel() { context_.TryCancel(); }

  // Whether anything at all came from the store.
  bool reached_store();
  // The time to wait that came with the store's status.
  std::optional<absl::Duration> retry_delay();

 private:
  void OnReadInitialMetadataDone(bool ok) override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  // Waits for `flag`; false when it did not come in time.
  bool Await(std::unique_lock<std::mutex>& lock, const bool& flag, absl::Duration timeout);
  // Lets go of the call and returns its status, never OK.
  absl::Status End(std::unique_lock<std::mutex>& lock);
  absl::Status GiveUp(std::unique_lock<std::mutex>& lock);
  void ReleaseHold();

  const absl::Duration stall_timeout_;
  grpc::ClientContext context_;
  bool held_ = true;  // OnDone does not come while this is set

  std::mutex mutex_;
  std::condition_variable changed_;
  v1::UploadResponse incoming_;
  bool read_done_ = false;
  bool read_ok_ = false;
  bool write_done_ = false;
  bool write_ok_ = false;
  bool reached_store_ = false;
  bool done_ = false;
  grpc::Status status_;
};

}  // namespace marrow
