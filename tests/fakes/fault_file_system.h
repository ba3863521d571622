// SPDX-License-Identifier: Apache-2.0
// A file system in memory that fails on demand and forgets on demand what was not synced. Harsher
// than real ones: data is durable only after File::Sync, a name only after SyncDirectory on its
// parent.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "vmm_backend/posix/file_system.h"

namespace marrow {

// Thread-safe. Open files keep the FaultFileSystem's state alive.
class FaultFileSystem final : public FileSystem {
 public:
  enum class Fault {
    kOnce,        // that operation only
    kFromThenOn,  // that operation and all later ones, as if the disk or the process died
  };

  FaultFileSystem();

  // Operation number `n` from now (1 is the next) fails with `status`. Every call of FileSystem and
  // of File but size() counts. A failing Append leaves half of its bytes behind, a
  // failing CreateDirectories the directories, but not durably.
  void FailAt(std::uint64_t n, Fault fault = Fault::kOnce,
              absl::Status status = absl::InternalError("injected fault"));
  void Heal();                       // forgets FailAt
  bool fault_hit() const;            // since the last FailAt
  std::uint64_t operations() const;  // counted since construction
  void set_free_bytes(std::uint64_t bytes);

  // A power cut: names and data go back to what was synced. Files open now must not be used again.
  void DropUnsynced();

  // The bytes of a file, for tests; empty if there is none.
  std::string Contents(const std::string& path) const;
  // Creates or replaces a file, durably and beyond the reach of faults.
  void Put(const std::string& path, absl::string_view contents);
  bool Exists(const std::string& path) const;

  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForAppend(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> OpenExclusively(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& path) override;

 private:
  struct State;
  class OpenFile;

  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path);

  std::shared_ptr<State> state_;
};

}  // namespace marrow
