// SPDX-License-Identifier: Apache-2.0
// Dumps that are captured and not yet acknowledged by the store. A directory with two files a dump:
//   <id>.core   the ELF core
//   <id>.entry  manifest, size and digest of the core (spool_entry.h): the commit point
// and quarantine/, where damaged or refused dumps are kept with a <id>.why text for a human.
// A dump is in the spool if and only if its .entry is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/daemon/spool_entry.h"
#include "vmm_backend/elfcore/core_writer.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {

struct SpoolOptions {
  std::string directory = "/var/lib/marrow/spool";
  std::uint64_t max_bytes = std::uint64_t{4} << 30;       // with quarantine
  std::uint64_t max_entries = 10'000;                     // with quarantine
  std::uint64_t min_free_bytes = std::uint64_t{1} << 30;  // left to others on the file system
};

struct SpoolStats {
  std::uint64_t entries = 0;  // waiting to be sent
  std::uint64_t bytes = 0;
  std::uint64_t quarantined_entries = 0;
  std::uint64_t quarantined_bytes = 0;
  std::uint64_t refused = 0;  // dumps not taken for want of room since Open
};

// Thread-safe. One process and one Spool for a directory (directory_lock.h).
class Spool {
 public:
  // Makes the directory; removes what an interrupted Add or Remove left; quarantines entries that
  // are damaged or whose core is missing or has another size. Files of other names are never
  // touched. `files` must outlive the spool.
  static absl::StatusOr<std::unique_ptr<Spool>> Open(FileSystem& files, SpoolOptions options);

  // Writes the core and then the entry; when it returns OK both are on stable storage. On error the
  // dump is not in the spool. ResourceExhausted, naming the limit, when there is no room: the dumps
  // that wait are never given up for a new one, since the first crashes tell the most.
  // AlreadyExists if the manifest's dump_id is in the spool, InvalidArgument if it is not a ULID.
  absl::StatusOr<SpoolEntry> Add(const v1::Manifest& manifest, const CoreLayout& layout,
                                 const PageBytes& page_bytes);

  // Ids of the dumps that wait, oldest first.
  std::vector<std::string> Pending() const;
  // NotFound if the dump is not in the spool, DataLoss if its entry was damaged since.
  absl::StatusOr<SpoolEntry> Load(const std::string& id) const;
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenCore(const std::string& id) const;

  // Deletes a dump that the store has acknowledged. On error it is still in the spool. A power cut
  // on a disk that fails to sync may bring it back, whole: the store knows a repeated upload.
  absl::Status Remove(const std::string& id);
  // Moves the dump out of the way, for good: whatever is returned, it is no longer pending.
  absl::Status Quarantine(const std::string& id, absl::string_view why);

  SpoolStats stats() const;

 private:
  enum class State { kWriting, kPending };
  struct Slot {
    State state = State::kWriting;
    std::uint64_t bytes = 0;
  };
  struct Usage {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;
  };

  Spool(FileSystem& files, SpoolOptions options) : files_(files), options_(std::move(options)) {}

  absl::Status Recover();
  absl::Status RecoverEntry(const std::string& id);
  // Takes room for a dump, or says why there is none.
  absl::Status Reserve(const std::string& id, std::uint64_t bytes);
  absl::Status CheckLimits(std::uint64_t bytes) const;     // with mutex_ held
  absl::Status CheckFreeSpace(std::uint64_t bytes) const;  // with mutex_ held
  absl::Status WriteDump(SpoolEntry& entry, const CoreLayout& layout, const PageBytes& page_bytes);
  absl::Status WriteCoreFile(SpoolEntry& entry, const CoreLayout& layout,
                             const PageBytes& page_bytes);
  absl::StatusOr<SpoolEntry> ReadEntry(const std::string& id) const;
  absl::Status MoveToQuarantine(const std::string& id, absl::string_view why);
  absl::StatusOr<Usage> MeasureQuarantine() const;
  Usage UsageOf(State state) const;  // with mutex_ held
  bool IsPending(const std::string& id) const;

  std::string Path(absl::string_view id, absl::string_view suffix) const;
  std::string QuarantinePath(absl::string_view id, absl::string_view suffix) const;

  FileSystem& files_;
  const SpoolOptions options_;
  mutable std::mutex mutex_;  // guards what follows; not held during file work but in Reserve
  std::map<std::string, Slot> slots_;
  Usage quarantine_;
  std::uint64_t refused_ = 0;
};

}  // namespace marrow
