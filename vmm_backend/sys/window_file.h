// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "marrow/abi.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/capture/host_window.h"
#include "vmm_backend/posix/fd.h"

namespace marrow {

// The host's end of a window: the file behind the VM's ivshmem device. It is only ever read by
// copying (pread): the guest and the VMM can write it, and shrink it, at any moment.
class WindowFile final : public HostWindow {
 public:
  // Opens the file, or creates it with mode 0600, and formats it unless it already carries a host
  // header of this version and size; what a running guest has published then stays. InvalidArgument
  // if `window_bytes` is not a power of two from 4 KiB to 16 MiB or the file has another size;
  // FailedPrecondition if another process has it open so.
  static absl::StatusOr<WindowFile> Open(const std::string& path, std::uint64_t window_bytes,
                                         const std::array<std::uint8_t, 16>& nonce);

  std::uint64_t size() const override { return window_bytes_; }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override;

  absl::Status WriteAck(const marrow_host_ack& ack) override;
  absl::Status ClearGuest() override;

 private:
  WindowFile(UniqueFd fd, std::string path, std::uint64_t window_bytes)
      : fd_(std::move(fd)), path_(std::move(path)), window_bytes_(window_bytes) {}
  absl::StatusOr<marrow_host_identity> ReadIdentity() const;
  // True if the file carries a host header of this version and size.
  absl::StatusOr<bool> IsFormatted() const;
  absl::Status Format(const std::array<std::uint8_t, 16>& nonce);
  absl::Status ClearGuestBlocks();

  UniqueFd fd_;
  std::string path_;
  std::uint64_t window_bytes_;
};

}  // namespace marrow
