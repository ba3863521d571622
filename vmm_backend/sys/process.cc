// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace marrow {

absl::StatusOr<Process> Process::Open(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("pidfd_open of process ", pid));
  return Process(pid, std::move(fd));
}

bool Process::HasEnded() const {
  pollfd entry{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, 0) == 1;
}

absl::StatusOr<std::vector<ProcessMapping>> Process::Mappings() const {
  const std::string path = absl::StrCat("/proc/", pid_, "/maps");
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  if (!file || HasEnded()) return absl::UnavailableError(absl::StrCat("cannot read ", path));
  return ParseProcMaps(text.str());
}

absl::StatusOr<UniqueFd> Process::DuplicateFile(const ProcessMapping& mapping) const {
  const std::string directory = absl::StrCat("/proc/", pid_, "/fd");
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    // Opened first, then judged: the process may swap its descriptors. O_NONBLOCK for FIFOs.
    UniqueFd fd(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info {};
    if (!fd.ok() || ::fstat(fd.get(), &info) != 0)
      continue;  // closed meanwhile, or not to be opened
    if (!S_ISREG(info.st_mode) || info.st_ino != mapping.inode ||
        major(info.st_dev) != mapping.device_major || minor(info.st_dev) != mapping.device_minor) {
      continue;
    }
    return fd;
  }
  if (error) return ErrnoStatus(error.value(), absl::StrCat("list ", directory));
  return absl::NotFoundError(
      absl::StrCat("process ", pid_, " has no descriptor of inode ", mapping.inode));
}

absl::StatusOr<pid_t> PeerPid(int socket_fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return ErrnoStatus(errno, "SO_PEERCRED");
  }
  if (peer.pid <= 0) return absl::NotFoundError("the peer's process is not visible from here");
  return peer.pid;
}

}  // namespace marrow
