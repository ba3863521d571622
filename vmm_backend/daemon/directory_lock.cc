// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {

absl::StatusOr<UniqueFd> LockDirectory(const std::string& path) {
  absl::Status status = MakePosixFileSystem()->CreateDirectories(path);
  if (!status.ok()) return status;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("flock ", path));
  return absl::FailedPreconditionError(absl::StrCat(
      "another process uses ", path, ": end it or give this one a directory of its own"));
}

}  // namespace marrow
