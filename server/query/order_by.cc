// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/query/filter.h"

namespace marrow {
namespace {

constexpr std::array<std::pair<absl::string_view, OrderField>, 5> kOrderFields = {{
    {"capture_time", OrderField::kCaptureTime},
    {"receive_time", OrderField::kReceiveTime},
    {"vm", OrderField::kVm},
    {"host", OrderField::kHost},
    {"core_bytes", OrderField::kCoreBytes},
}};

absl::Status OrderByError() {
  return absl::InvalidArgumentError(
      "order_by: expected one of capture_time, receive_time, vm, host and core_bytes, and after it "
      "nothing or desc");
}

}  // namespace

absl::StatusOr<OrderBy> ParseOrderBy(absl::string_view text) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  if (words.empty()) return OrderBy{};
  const bool descending = words.size() == 2 && words[1] == "desc";
  if (words.size() > 1 && !descending) return OrderByError();
  for (const auto& [name, field] : kOrderFields) {
    if (words[0] != name) continue;
    return OrderBy{field, descending ? OrderDirection::kDescending : OrderDirection::kAscending};
  }
  return OrderByError();
}

}  // namespace marrow
