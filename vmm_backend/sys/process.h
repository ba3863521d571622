// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm_backend/posix/fd.h"
#include "vmm_backend/sys/proc_maps.h"

namespace marrow {

// Another process of this host. The pidfd pins its identity: a recycled pid is never taken for it.
class Process {
 public:
  static absl::StatusOr<Process> Open(pid_t pid);

  pid_t pid() const { return pid_; }
  // Becomes readable when the process ends.
  int pidfd() const { return pidfd_.get(); }
  bool HasEnded() const;

  absl::StatusOr<std::vector<ProcessMapping>> Mappings() const;
  // A read-only descriptor of our own for the open file with that identity, found among the
  // process's descriptors. It stays good when the process dies. NotFound if the process has none.
  absl::StatusOr<UniqueFd> DuplicateFile(const ProcessMapping& mapping) const;

 private:
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_;
  UniqueFd pidfd_;
};

// The process that listens at the other end of a connected unix socket (SO_PEERCRED).
absl::StatusOr<pid_t> PeerPid(int socket_fd);

}  // namespace marrow
