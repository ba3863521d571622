// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "marrow/abi.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

// The host's end of a window. Reads copy; offsets count from the window's first byte.
class HostWindow : public ByteSource {
 public:
  // Stores the acknowledgement, its sequence last.
  virtual absl::Status WriteAck(const marrow_host_ack& ack) = 0;
  // Forgets what the guest published, but for the doorbell's sequence, which never starts again,
  // and renews the nonce so that a guest that is not gone after all publishes anew. For after a
  // reset or a VMM's end.
  virtual absl::Status ClearGuest() = 0;
};

}  // namespace marrow
