// SPDX-License-Identifier: Apache-2.0
// PURE: vCPU registers from what QEMU writes and prints (x86-64).
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/capture/vm_control.h"

namespace marrow {

// From the notes of a core by dump-guest-memory: the k-th NT_PRSTATUS and the k-th QEMU note are
// vCPU k's. VMCOREINFO is there if the VM has a vmcoreinfo device and the guest's kernel used it.
// InvalidArgument if it is no such core.
absl::StatusOr<StoppedVm> ParseVcpuDump(const ByteSource& core);

// From the text of `info registers -a` (target/i386/cpu-dump.c), which QEMU prints without stopping
// the guest. InvalidArgument if a vCPU lacks its instruction or stack pointer.
absl::StatusOr<std::vector<VcpuState>> ParseInfoRegisters(absl::string_view text);

}  // namespace marrow
