// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

// Owns a file descriptor; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset();

 private:
  int fd_ = -1;
};

// errno as a status: "<what>: <strerror>". ENOENT is NotFound, EEXIST AlreadyExists, ENOSPC and
// EDQUOT ResourceExhausted, EACCES and EPERM PermissionDenied, EAGAIN Unavailable, all else
// Internal.
absl::Status ErrnoStatus(int error, absl::string_view what);

// Writes all of `bytes`, however many calls that takes.
absl::Status WriteAll(int fd, Bytes bytes);
absl::Status PwriteAll(int fd, std::uint64_t offset, Bytes bytes);
// Fills all of `out`; OutOfRange at an early end of file.
absl::Status PreadAll(int fd, std::uint64_t offset, MutableBytes out);

}  // namespace marrow
