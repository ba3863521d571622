// SPDX-License-Identifier: Apache-2.0
// What all uploads share: the directory of partial uploads, who is uploading what, and the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/archive/archive.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {

class UploadSession;

struct IngestLimits {
  std::uint64_t max_core_bytes = std::uint64_t{64} << 30;
  std::uint64_t max_manifest_bytes = 3 << 20;  // so that a page of one dump fits a gRPC message
  std::uint64_t max_chunk_bytes = 2 << 20;
  std::uint64_t checkpoint_bytes = 4 << 20;                 // received between two acknowledgements
  std::uint64_t disk_floor_bytes = std::uint64_t{1} << 30;  // free space that uploads leave alone
  absl::Duration partial_ttl = absl::Hours(24);    // an upload not continued for so long is dropped
  absl::Duration retry_delay = absl::Seconds(30);  // told to those refused for lack of space
};

using Clock = std::function<absl::Time()>;

// Bytes of disk promised to an upload. Gives back what is left when destroyed.
class DiskReservation {
 public:
  DiskReservation() = default;
  DiskReservation(std::mutex& mutex, std::uint64_t& total, std::uint64_t bytes)
      : mutex_(&mutex), total_(&total), bytes_(bytes) {}
  DiskReservation(DiskReservation&& other) noexcept;
  DiskReservation& operator=(DiskReservation&& other) noexcept;
  ~DiskReservation() { Use(bytes_); }
  // `bytes` of the promise are taken up; at most what is left of it.
  void Use(std::uint64_t bytes);

 private:
  std::mutex* mutex_ = nullptr;
  std::uint64_t* total_ = nullptr;
  std::uint64_t bytes_ = 0;
};

// Thread-safe. Outlives its sessions.
class Ingestor {
 public:
  // Creates `directory` if need be and collects what is in it; no other process may use it. `files`
  // and `archive` must outlive the ingestor.
  static absl::StatusOr<std::unique_ptr<Ingestor>> Open(FileSystem& files, std::string directory,
                                                        Archive& archive, IngestLimits limits,
                                                        Clock clock = absl::Now);

  // One for each upload stream.
  std::unique_ptr<UploadSession> NewSession();

  // Removes partial uploads that cannot or will not be continued: never acknowledged, committed
  // already, or older than partial_ttl. Live ones are left alone.
  absl::Status CollectLeftovers();

 private:
  friend class UploadSession;

  // The one session that may touch the files of an id, and the mutex it does so under.
  struct Slot {
    std::mutex mutex;
    UploadSession* owner = nullptr;
    // The owner checks and compresses the core, without the mutex: that takes long.
    bool committing = false;
  };

  Ingestor(FileSystem& files, std::string directory, Archive& archive, IngestLimits limits,
           Clock clock)
      : files_(files),
        directory_(std::move(directory)),
        archive_(archive),
        limits_(limits),
        clock_(std::move(clock)) {}

  std::shared_ptr<Slot> SlotOf(const std::string& dump_id);
  // ResourceExhausted, reason DISK_FLOOR, if free space would fall under the floor.
  absl::StatusOr<DiskReservation> Reserve(std::uint64_t bytes);
  absl::Status CollectLeftover(const std::string& dump_id);
  // Whether an upload without a live session is of no more use.
  absl::StatusOr<bool> IsLeftover(const std::string& dump_id);

  FileSystem& files_;
  const std::string directory_;
  Archive& archive_;
  const IngestLimits limits_;
  const Clock clock_;

  std::mutex slots_mutex_;
  std::map<std::string, std::weak_ptr<Slot>> slots_;

  std::mutex reserved_mutex_;
  std::uint64_t reserved_bytes_ = 0;
};

}  // namespace marrow
