// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/sys/window_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstddef>
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

}  // namespace

absl::StatusOr<WindowFile> WindowFile::Open(const std::string& path, std::uint64_t window_bytes,
                                            const std::array<std::uint8_t, 16>& nonce) {
  if (absl::Status status = CheckSize(window_bytes); !status.ok()) return status;
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("open window ", path));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return ErrnoStatus(errno, absl::StrCat("stat ", path));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  }
  if (info.st_size == 0 && ::ftruncate(fd.get(), static_cast<off_t>(window_bytes)) != 0) {
    return ErrnoStatus(errno, absl::StrCat("ftruncate ", path));
  }
  if (info.st_size != 0 && static_cast<std::uint64_t>(info.st_size) != window_bytes) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "window %s has %d bytes, configured are %d: make the VM's shared memory and "
        "window_size agree",
        path, info.st_size, window_bytes));
  }
  WindowFile window(std::move(fd), path, window_bytes);
  if (absl::Status status = window.Format(nonce); !status.ok()) return status;
  return window;
}

absl::Status WindowFile::Format(const std::array<std::uint8_t, 16>& nonce) {
  marrow_host_identity identity = MakeHostIdentity(window_bytes_, nonce);
  marrow_host_identity found{};
  absl::Status status =
      ReadAt(offsetof(marrow_window_header, host), std::as_writable_bytes(std::span(&found, 1)));
  if (!status.ok()) return status;
  const bool formatted =
      found.magic == identity.magic && found.version_major == identity.version_major &&
      found.version_minor == identity.version_minor &&
      found.window_bytes == identity.window_bytes && found.header_bytes == identity.header_bytes;
  if (!formatted) {
    status = ClearGuest();
    if (status.ok()) status = WriteAck({});
    // The magic last: a guest that sees it sees the rest.
    const Bytes bytes = std::as_bytes(std::span(&identity, 1));
    if (status.ok()) status = PwriteAll(fd_.get(), sizeof(identity.magic), bytes.subspan(8));
    if (status.ok()) status = PwriteAll(fd_.get(), 0, bytes.first(8));
  }
  if (!status.ok()) return status;
  marrow_host_ack ack{};
  status = ReadAt(offsetof(marrow_window_header, ack), std::as_writable_bytes(std::span(&ack, 1)));
  if (!status.ok()) return status;
  ack.presence = MARROW_HOST_LISTENING;
  return WriteAck(ack);
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

absl::Status WindowFile::ClearGuest() {
  constexpr std::uint64_t kFrom = offsetof(marrow_window_header, guest);
  const std::string zeros(MARROW_HEADER_BYTES - kFrom, '\0');
  return PwriteAll(fd_.get(), kFrom, AsBytes(zeros));
}

}  // namespace marrow
