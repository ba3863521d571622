// SPDX-License-Identifier: Apache-2.0
#include "server/cli/exit_code.h"

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "server/triage/printable.h"

namespace marrow::cli {
namespace {

std::string Advice(const absl::Status& error) {
  if (const auto delay = RetryDelayOf(error)) {
    return absl::StrCat("try again in ", absl::FormatDuration(*delay));
  }
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
      return "is it running there? --store (MARROW_STORE) and --control (MARROW_CONTROL) say where";
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
      return "try again later";
    case absl::StatusCode::kDataLoss:
      return "run the command again to start anew";
    case absl::StatusCode::kUnimplemented:
      return "the server is older than this command";
    default:
      return "";
  }
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kUnavailable;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return ExitCode::kRefused;
    default:
      return ExitCode::kFailure;
  }
}

std::string ErrorLine(const absl::Status& error) {
  std::string line = absl::StrCat("marrow: ", error.message());
  const std::string reason = ReasonOf(error);
  if (!reason.empty()) absl::StrAppend(&line, " [", reason, "]");
  const std::string advice = Advice(error);
  if (!advice.empty()) absl::StrAppend(&line, "; ", advice);
  return Printable(line);
}

}  // namespace marrow::cli
