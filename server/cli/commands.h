// SPDX-License-Identifier: Apache-2.0
// The commands, one function each: arguments in, text on session.out(), a status for the exit code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/cli/session.h"

namespace marrow::cli {

struct ListArguments {
  std::string filter;
  std::string order_by;
  std::size_t limit = 0;  // 0: all
  bool ids_only = false;
};
absl::Status ListDumps(Session& session, const ListArguments& arguments);

absl::Status ShowDump(Session& session, const std::string& id);
absl::Status PrintLog(Session& session, const std::string& id);
absl::Status ListRegions(Session& session, const std::string& id);
// Whole ids only.
absl::Status DeleteDumps(Session& session, const std::vector<std::string>& ids);
// Ends when the store ends the stream, which it does not in health.
absl::Status WatchDumps(Session& session, const std::string& filter);

struct FetchArguments {
  std::string id;
  std::string output;  // "": ID.core in the working directory
};
absl::Status FetchCore(Session& session, const FetchArguments& arguments);

enum class MemoryFormat { kHexDump, kRaw };

struct ReadArguments {
  std::string id;
  std::optional<std::uint64_t> gpa;  // either this
  std::optional<std::uint64_t> gva;  // or this
  std::uint64_t length = 256;
  MemoryFormat format = MemoryFormat::kHexDump;
};
// Reads 1 MiB at a time and prints each piece that the dump holds whole, up to the first that it
// does not; then fails: NotFound if nothing was printed, else OutOfRange.
absl::Status ReadMemory(Session& session, const ReadArguments& arguments);

absl::Status ListVms(Session& session);

struct CaptureArguments {
  std::string vm;
  std::string detail;
};
absl::Status Capture(Session& session, const CaptureArguments& arguments);

struct CrashArguments {
  std::string id;
  std::string vmlinux;  // "": $MARROW_VMLINUX, else looked for by kernel release
  std::vector<std::string> crash_arguments;
};
// Fetches the core into the user's cache and becomes `crash`.
absl::Status RunCrash(Session& session, const CrashArguments& arguments);

}  // namespace marrow::cli
