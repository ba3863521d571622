// SPDX-License-Identifier: Apache-2.0
// marrowd's control interface (proto/marrow/v1/host.proto) on a unix socket.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "marrow/v1/host.pb.h"
#include "vmm_backend/daemon/spool.h"
#include "vmm_backend/daemon/uploader.h"

namespace marrow {

// What the control interface shows of the daemon. Thread-safe. All but Capture return without
// waiting for a VM, a disk or the store.
class HostView {
 public:
  virtual ~HostView() = default;
  virtual std::vector<v1::WatchedVm> Vms() = 0;
  // Captures now and returns when the dump is durable in the spool; may take seconds. Called from
  // one thread, for the names that Vms() gives. NotFound if there is no such VM any more.
  virtual absl::StatusOr<v1::CaptureResponse> Capture(const std::string& vm,
                                                      const std::string& detail) = 0;
  virtual SpoolStats Spool() = 0;
  virtual UploadStats Uploads() = 0;
};

// Serves from Start to its destructor, which lets a capture that runs finish and turns down those
// that wait.
class ControlServer {
 public:
  virtual ~ControlServer() = default;

  // Listens on `socket_path`, mode 0600. A socket that nobody listens on is replaced; AlreadyExists
  // if a daemon answers there or the path is no socket. The process should have umask 077: the
  // socket has its final mode only some microseconds after it exists. `view` must outlive the
  // server.
  static absl::StatusOr<std::unique_ptr<ControlServer>> Start(HostView& view,
                                                              const std::string& socket_path);
};

}  // namespace marrow
