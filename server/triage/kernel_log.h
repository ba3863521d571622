// SPDX-License-Identifier: Apache-2.0
// Reads the kernel log out of a core: the lockless printk ring of Linux 5.10 and later
// (kernel/printk/printk_ringbuffer.h), found and laid out by VMCOREINFO alone. The core may be
// anyone's: work and memory are bounded by KernelLogLimits whatever it says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {

struct LogRecord {
  std::uint64_t sequence = 0;  // the kernel's own number, counted from boot
  std::uint64_t time_ns = 0;   // local_clock() of the printing CPU
  std::string text;  // as the kernel stored it: any bytes, lines split by '\n', no last '\n'
};

struct KernelLog {
  std::vector<LogRecord> records;  // oldest first
  // Records that the ring says it holds but whose bytes are not in the core, are damaged, or were
  // being written when the machine stopped.
  std::uint64_t lost_records = 0;
};

// Beyond them the oldest records are left out and counted as lost.
struct KernelLogLimits {
  std::uint64_t records = 1 << 18;
  std::uint64_t text_bytes = 16 << 20;
};

// NotFound if the core has no VMCOREINFO, or none that names the ring, or not the ring's own
// header; InvalidArgument if the header describes a ring that no kernel makes. Missing or damaged
// records are not an error: they are counted.
absl::StatusOr<KernelLog> ReadKernelLog(const CoreReader& core, KernelLogLimits limits = {});

// As `dmesg` prints it: "[    1.234567] text", further lines of a record indented below its text.
// Always UTF-8 and safe to print: bytes that are not UTF-8 and control characters other than tab
// come out as \xNN.
std::string FormatLog(const KernelLog& log);

// As FormatLog, but of the newest records only, as many as fit `max_bytes`. The others are taken
// out of `log` and counted as lost.
std::string FormatNewest(KernelLog& log, std::size_t max_bytes);

}  // namespace marrow
