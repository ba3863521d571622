// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "vmm_backend/capture/trigger_watch.h"
#include "vmm_backend/qemu/qmp_message.h"

namespace marrow {

// PURE: what an event of QEMU (qapi/run-state.json) means for the watch; nothing for events of no
// interest. INTERNAL_ERROR has no event of its own: see RunStateEvent.
std::optional<VmEvent> ToVmEvent(const QmpEvent& event);

// What a VM in this run state (by name) went through. For a VM found stopped at attach, and after a
// STOP, since an internal error has no event of its own.
std::optional<VmEvent> RunStateEvent(absl::string_view run_state);

}  // namespace marrow
