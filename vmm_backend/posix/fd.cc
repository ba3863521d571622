// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/posix/fd.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace marrow {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void UniqueFd::Reset() {
  // The descriptor is gone whatever close() says; data that matters was fsynced before.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

absl::Status ErrnoStatus(int error, absl::string_view what) {
  const absl::StatusCode code = [error] {
    switch (error) {
      case ENOENT:
        return absl::StatusCode::kNotFound;
      case EEXIST:
        return absl::StatusCode::kAlreadyExists;
      case ENOSPC:
      case EDQUOT:
        return absl::StatusCode::kResourceExhausted;
      case EACCES:
      case EPERM:
        return absl::StatusCode::kPermissionDenied;
      case EAGAIN:
        return absl::StatusCode::kUnavailable;
      default:
        return absl::StatusCode::kInternal;
    }
  }();
  return absl::Status(code, absl::StrCat(what, ": ", strerror(error)));
}

absl::Status WriteAll(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status PwriteAll(int fd, std::uint64_t offset, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "pwrite");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::Status PreadAll(int fd, std::uint64_t offset, MutableBytes out) {
  while (!out.empty()) {
    const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "pread");
    if (n == 0) return absl::OutOfRangeError(absl::StrCat("file ends at byte ", offset));
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace marrow
