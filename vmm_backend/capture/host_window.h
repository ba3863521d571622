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
  // Forgets what the guest published. For a guest that is gone: after a reset or its VMM's end.
  virtual absl::Status ClearGuest() = 0;
};

}  // namespace marrow
