// SPDX-License-Identifier: Apache-2.0
// Takes dumps from the spool to the store, for as long as it takes.
#pragma once

#include <grpcpp/channel.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "vmm_backend/daemon/spool.h"
#include "vmm_backend/daemon/upload_schedule.h"
#include "vmm_backend/daemon/upload_session.h"

namespace marrow {

// Told, on the uploader's thread, what became of each attempt. Must not block for long.
class UploadListener {
 public:
  virtual ~UploadListener() = default;
  // The store holds the dump durably; it has left the spool.
  virtual void Acknowledged(const SpoolEntry& entry, const v1::Dump& dump) = 0;
  // The dump stays in the spool and is tried again, not before `wait`.
  virtual void Failed(const std::string& id, const absl::Status& why, absl::Duration wait) = 0;
  // The dump is damaged or was refused for good. If `moved` is an error it is still in the spool's
  // directory, but is not tried again by this process.
  virtual void Quarantined(const std::string& id, const absl::Status& why,
                           const absl::Status& moved) = 0;
};

struct UploadStats {
  std::uint64_t acknowledged = 0;
  std::uint64_t failed_attempts = 0;
  std::uint64_t quarantined = 0;
  std::string last_error;  // of the newest attempt; "" when that was good
};

struct UploaderOptions {
  ScheduleOptions schedule;
  SessionOptions session;
};

// One thread, one dump at a time. All methods are thread-safe.
class Uploader {
 public:
  // Starts at once with what is pending. `spool` and `listener` must outlive the uploader.
  // `uniform` is used on its thread only.
  Uploader(Spool& spool, std::shared_ptr<grpc::Channel> channel, UploadListener& listener,
           Uniform uniform, UploaderOptions options = {});
  // Stops: the attempt under way is given up, which loses nothing.
  ~Uploader();

  // Call after Spool::Add.
  void Notify();
  UploadStats stats() const;

 private:
  // A dump fit to be sent.
  struct Parcel {
    SpoolEntry entry;
    std::unique_ptr<ByteSource> core;
  };

  void Run(std::stop_token stop);
  void TryOnce(const std::string& id, const std::stop_token& stop);
  absl::StatusOr<Parcel> Prepare(const std::string& id, const std::stop_token& stop);
  void Acknowledge(const SpoolEntry& entry, const v1::Dump& dump);
  void Fail(const std::string& id, const UploadAttempt& attempt);
  void Quarantine(const std::string& id, const absl::Status& why);

  Spool& spool_;
  UploadListener& listener_;
  const UploaderOptions options_;
  const std::unique_ptr<v1::Ingest::Stub> stub_;

  // Of the thread alone.
  UploadSchedule schedule_;
  std::set<std::string> verified_;  // cores whose digest was right in this process

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any wake_;
  bool notified_ = false;
  UploadStats stats_;

  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace marrow
