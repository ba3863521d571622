// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "server/triage/kernel_log.h"
#include "server/triage/printable.h"

namespace marrow {

std::string FormatLog(const KernelLog& log) {
  std::string out;
  for (const LogRecord& record : log.records) {
    const std::uint64_t microseconds = record.time_ns / 1000;
    std::string prefix =
        absl::StrFormat("[%5u.%06u] ", microseconds / 1'000'000, microseconds % 1'000'000);
    for (absl::string_view line : absl::StrSplit(record.text, '\n')) {
      absl::StrAppend(&out, prefix, Printable(line), "\n");
      prefix.assign(prefix.size(), ' ');
    }
  }
  return out;
}

}  // namespace marrow
