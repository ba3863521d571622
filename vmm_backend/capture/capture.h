// SPDX-License-Identifier: Apache-2.0
// The act: from a trigger to a core that only waits to be written.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "guest/profile/profile.h"
#include "marrow/v1/dump.pb.h"
#include "vmm_backend/capture/guest_memory.h"
#include "vmm_backend/capture/page_reader.h"
#include "vmm_backend/capture/paused_vm.h"
#include "vmm_backend/capture/vm_control.h"
#include "vmm_backend/core/plan.h"
#include "vmm_backend/core/window.h"
#include "vmm_backend/elfcore/core_writer.h"

namespace marrow {

// What is known of the VM before anything goes wrong. Everything must outlive the capture.
struct CaptureSubject {
  v1::Vm vm = {};
  v1::Host host = {};
  const ByteSource* window = nullptr;      // nullptr: this VM has none
  const RegionTable* last_good = nullptr;  // nullptr: never seen one
  const GuestMemory* memory = nullptr;     // never nullptr
  VmControl* control = nullptr;            // nullptr: the VMM is dead
};

struct CapturePolicy {
  TableLimits table;
  CaptureLimits capture;
  ClassSet excluded;
  // What to capture of a guest that published no table. nullptr: the shipped "crash".
  const profile::Profile* profile = nullptr;
};

struct CaptureOrder {
  std::string dump_id;
  v1::Trigger trigger = v1::TRIGGER_UNSPECIFIED;
  std::string detail;
  absl::Time time;
  bool pause = true;      // false: copy while the guest runs, and leave it alone
  bool registers = true;  // false: they are those of another boot by now
  AfterCapture after = AfterCapture::kLeave;
};

struct CapturedDump {
  v1::Manifest manifest;
  CoreLayout layout;
  CapturedPages pages;
  absl::Status after;  // what became of order.after; the dump is good either way
};

// Monotonic time since any fixed moment.
using MonotonicClock = std::function<absl::Duration()>;

// Reads the table, pauses, reads registers and pages, releases the VM, and only then lays out the
// core. Whatever cannot be had is named in the manifest, down to a dump that holds nothing but its
// reasons; an error is a broken invariant of ours.
absl::StatusOr<CapturedDump> Capture(const CaptureSubject& subject, const CapturePolicy& policy,
                                     const CaptureOrder& order, const MonotonicClock& clock);

}  // namespace marrow
