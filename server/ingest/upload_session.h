// SPDX-License-Identifier: Apache-2.0
// The store's side of Ingest.Upload (proto/marrow/v1/ingest.proto), one object for each stream.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "marrow/v1/ingest.pb.h"
#include "server/ingest/ingestor.h"
#include "server/ingest/partial_upload.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {

// Used by one thread at a time. Sessions of the same dump exclude each other by themselves: the one
// that began last is served, because an older stream of the same host is a connection that died
// without telling.
class UploadSession {
 public:
  explicit UploadSession(Ingestor& ingestor) : ingestor_(ingestor) {}
  UploadSession(const UploadSession&) = delete;
  UploadSession& operator=(const UploadSession&) = delete;
  // As Suspend.
  ~UploadSession();

  // Takes the stream's next message and returns what to answer, if anything. An error ends the
  // session, and its status belongs on the wire as it is:
  //   InvalidArgument    the upload can never succeed like this
  //   AlreadyExists      DUMP_ID_TAKEN: the id belongs to other bytes
  //   DataLoss           bytes are not what their digest says: begin again
  //   ResourceExhausted  DISK_FLOOR or DISK_FULL: begin again later
  //   Aborted            UPLOAD_SUPERSEDED by a newer stream
  //   Unavailable        UPLOAD_COMMITTING: an older stream commits this dump; begin again soon
  absl::StatusOr<std::optional<v1::UploadResponse>> Handle(const v1::UploadRequest& request);

  // AlreadyStored or Committed has been answered: there is nothing left to say.
  bool done() const { return done_; }

  // The stream broke: makes the bytes so far durable for whoever continues.
  absl::Status Suspend();

 private:
  using Answer = absl::StatusOr<std::optional<v1::UploadResponse>>;

  Answer Dispatch(const v1::UploadRequest& request);
  Answer Begin(const v1::UploadRequest::Begin& begin);
  // The answer if the catalog has the dump, or nothing.
  Answer FindStored(const v1::UploadRequest::Begin& begin);
  Answer Accept(const v1::UploadRequest::Begin& begin);
  Answer Receive(const v1::UploadRequest::Chunk& chunk);
  // Lets go of `lock`, the slot's, while it stores.
  Answer Commit(std::unique_lock<std::mutex>& lock);
  // Checks the core and adds it to the archive.
  absl::StatusOr<v1::Dump> Store() const;
  absl::StatusOr<v1::Dump> DescribeDump(const CoreReader& core) const;
  // Ends this session's hold on the files. Needs the slot's mutex.
  absl::Status ReleaseFiles();

  Ingestor& ingestor_;
  // Set by the first Begin. Its mutex guards all below but in Commit, where `committing` does.
  std::shared_ptr<Ingestor::Slot> slot_;
  std::string manifest_;  // as bytes: parsed it can be many times as large
  std::unique_ptr<PartialUpload> partial_;
  DiskReservation part_reservation_;  // for the bytes that are still to come
  DiskReservation blob_reservation_;  // for the blob, were it not to compress at all
  bool done_ = false;
};

}  // namespace marrow
