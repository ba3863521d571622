// SPDX-License-Identifier: Apache-2.0
// marrowd's configuration. Pure: text in, values out; deploy/marrowd.example.yaml shows every key.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "vmm_backend/core/plan.h"
#include "vmm_backend/core/window.h"
#include "vmm_backend/daemon/config_values.h"
#include "vmm_backend/daemon/spool.h"
#include "vmm_backend/daemon/store_channel.h"

namespace marrow {

// One VM to watch; what `marrowd watch` takes as flags.
struct VmConfig {
  std::string name;
  std::string qmp_path;     // QEMU's QMP unix socket
  std::string window_path;  // the file behind the ivshmem device
  std::uint64_t window_bytes = 64 << 10;
  AfterCapture after = AfterCapture::kLeave;
  // The guest counts as hung after this many of the periods that it announced, but not before the
  // deadline.
  std::uint64_t heartbeat_misses = 5;
  absl::Duration min_heartbeat_deadline = absl::Seconds(3);
  bool capture_on_reset = true;
  ClassSet excluded_classes = ClassSet(1U << MARROW_CLASS_SECRET);
  std::map<std::string, std::string> labels;  // copied into the manifest
};

// What one capture may cost, whatever the guest asks for.
struct LimitsConfig {
  TableLimits table;
  CaptureLimits capture;
};

struct DaemonConfig {
  std::string host_name;
  StoreTarget store;
  SpoolOptions spool;
  std::string control_path = "/run/marrow/marrowd.sock";
  std::string log_level = "info";
  LimitsConfig limits;
  std::vector<VmConfig> vms;  // at least one; names, sockets and windows are unique
};

// `host_name` is the machine's, for a config that names none. InvalidArgument as
// "line L, column C: key: what is wrong, what to write": unknown and repeated keys are errors too.
absl::StatusOr<DaemonConfig> ParseConfig(absl::string_view yaml, absl::string_view host_name);

}  // namespace marrow
