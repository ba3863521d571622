// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/sys/window_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vmm_backend/core/window.h"

namespace marrow {
namespace {

absl::Status CheckSize(std::uint64_t window_bytes) {
  if (window_bytes < MARROW_WINDOW_MIN_BYTES || window_bytes > MARROW_WINDOW_MAX_BYTES ||
      !std::has_single_bit(window_bytes)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "a window of %d bytes: use a power of two from 4 KiB to 16 MiB", window_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<UniqueFd> OpenOrCreate(const std::string& path) {
  // Not O_CREAT on what is there: in a sticky folder such as /dev/shm the kernel then refuses files
  // of other users (fs.protected_regular).
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.ok() && errno == ENOENT) {
    fd = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  }
  if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("open window ", path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("window ", path, " is locked: another marrowd watches this VM"));
  }
  return fd;
}

// Gives an empty file the size, and refuses any other.
absl::Status FitFile(int fd, const std::string& path, std::uint64_t window_bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  if (info.st_size == 0 && ::ftruncate(fd, static_cast<off_t>(window_bytes)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("ftruncate ", path));
  }
  if (info.st_size != 0 && static_cast<std::uint64_t>(info.st_size) != window_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("window %s has %d bytes, configured are %d: make the VM's shared memory "
                        "and window_size agree",
                        path, info.st_size, window_bytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WindowFile> WindowFile::Open(const std::string& path, std::uint64_t window_bytes,
                                            const std::array<std::uint8_t, 16>& nonce) {
  if (absl::Status status = CheckSize(window_bytes); !status.ok()) return status;
  absl::StatusOr<UniqueFd> fd = OpenOrCreate(path);
  if (!fd.ok()) return fd.status();
  if (absl::Status status = FitFile(fd->get(), path, window_bytes); !status.ok()) return status;
  WindowFile window(*std::move(fd), path, window_bytes);
  const absl::StatusOr<bool> formatted = window.IsFormatted();
  if (!formatted.ok()) return formatted.status();
  if (!*formatted) {
    if (absl::Status status = window.Format(nonce); !status.ok()) return status;
  }
  return window;
}

absl::StatusOr<marrow_host_identity> WindowFile::ReadIdentity() const {
  marrow_host_identity found{};
  absl::Status status =
      ReadAt(offsetof(marrow_window_header, host), std::as_writable_bytes(std::span(&found, 1)));
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<bool> WindowFile::IsFormatted() const {
  const absl::StatusOr<marrow_host_identity> found = ReadIdentity();
  if (!found.ok()) return found.status();
  marrow_host_identity wanted = MakeHostIdentity(window_bytes_, {});
  std::copy(std::begin(found->nonce), std::end(found->nonce), wanted.nonce);
  return std::memcmp(&*found, &wanted, sizeof(wanted)) == 0;
}

// No magic while anything changes: a guest that sees it sees the rest.
absl::Status WindowFile::Format(const std::array<std::uint8_t, 16>& nonce) {
  const marrow_host_identity identity = MakeHostIdentity(window_bytes_, nonce);
  const Bytes bytes = std::as_bytes(std::span(&identity, 1));
  const std::uint64_t no_magic = 0;
  absl::Status status = PwriteAll(fd_.get(), 0, std::as_bytes(std::span(&no_magic, 1)));
  if (status.ok()) status = WriteAck({});
  if (status.ok()) status = ClearGuestBlocks();
  if (status.ok()) status = PwriteAll(fd_.get(), 8, bytes.subspan(8));
  if (status.ok()) status = PwriteAll(fd_.get(), 0, bytes.first(8));
  return status;
}

absl::Status WindowFile::ReadAt(std::uint64_t offset, MutableBytes out) const {
  if (offset > window_bytes_ || out.size() > window_bytes_ - offset) {
    return absl::OutOfRangeError(absl::StrFormat("read of %d bytes at offset %d of a window of %d",
                                                 out.size(), offset, window_bytes_));
  }
  absl::Status status = PreadAll(fd_.get(), offset, out);
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("window ", path_, ": ", status.message()));
}

absl::Status WindowFile::WriteAck(const marrow_host_ack& ack) {
  constexpr std::uint64_t kAt = offsetof(marrow_window_header, ack);
  const Bytes bytes = std::as_bytes(std::span(&ack, 1));
  absl::Status status =
      PwriteAll(fd_.get(), kAt + sizeof(ack.sequence), bytes.subspan(sizeof(ack.sequence)));
  if (status.ok()) status = PwriteAll(fd_.get(), kAt, bytes.first(sizeof(ack.sequence)));
  return status;
}

absl::Status WindowFile::ClearGuestBlocks() {
  constexpr std::uint64_t kFrom = offsetof(marrow_window_header, guest);
  constexpr std::uint64_t kRequest = offsetof(marrow_window_header, request);
  constexpr std::uint64_t kAfterSequence = kRequest + sizeof(marrow_request::sequence);
  const std::string before(kRequest - kFrom, '\0');
  const std::string after(MARROW_HEADER_BYTES - kAfterSequence, '\0');
  absl::Status status = PwriteAll(fd_.get(), kFrom, AsBytes(before));
  if (status.ok()) status = PwriteAll(fd_.get(), kAfterSequence, AsBytes(after));
  return status;
}

absl::Status WindowFile::ClearGuest() {
  const absl::StatusOr<marrow_host_identity> identity = ReadIdentity();
  if (!identity.ok()) return identity.status();
  std::array<std::uint8_t, 16> nonce{};
  std::copy(std::begin(identity->nonce), std::end(identity->nonce), nonce.begin());
  for (std::uint8_t& digit : nonce) {
    if (++digit != 0) break;
  }
  return Format(nonce);
}

}  // namespace marrow
