// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/triage/kernel_log.h"
#include "server/triage/printable.h"

namespace marrow {
namespace {

std::string FormatRecord(const LogRecord& record) {
  const std::uint64_t microseconds = record.time_ns / 1000;
  std::string prefix =
      absl::StrFormat("[%5u.%06u] ", microseconds / 1'000'000, microseconds % 1'000'000);
  std::string out;
  for (absl::string_view line : absl::StrSplit(record.text, '\n')) {
    absl::StrAppend(&out, prefix, Printable(line), "\n");
    prefix.assign(prefix.size(), ' ');
  }
  return out;
}

}  // namespace

std::string FormatLog(const KernelLog& log) {
  std::string out;
  for (const LogRecord& record : log.records) out += FormatRecord(record);
  return out;
}

std::string FormatNewest(KernelLog& log, std::size_t max_bytes) {
  std::vector<std::string> newest_first;
  std::size_t bytes = 0;
  for (auto record = log.records.rbegin(); record != log.records.rend(); ++record) {
    std::string text = FormatRecord(*record);
    bytes += text.size();
    if (bytes > max_bytes) break;
    newest_first.push_back(std::move(text));
  }
  const std::size_t left_out = log.records.size() - newest_first.size();
  log.records.erase(log.records.begin(),
                    log.records.begin() + static_cast<std::ptrdiff_t>(left_out));
  log.lost_records += left_out;
  return absl::StrJoin(newest_first.rbegin(), newest_first.rend(), "");
}

}  // namespace marrow
