// SPDX-License-Identifier: Apache-2.0
// The filter and order_by languages of ListDumps: a subset of google.aip.dev/160 and /132. A parsed
// filter is a value, small and bounded, ready to be evaluated or compiled to SQL with bound
// parameters.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "marrow/v1/dump.pb.h"

namespace marrow {

enum class FilterField {
  kVm,             // text:   manifest.vm.name
  kHost,           // text:   manifest.host.name
  kTrigger,        // enum:   manifest.trigger
  kKernelRelease,  // text:   manifest.kernel.release
  kBuildId,        // text:   manifest.kernel.build_id
  kState,          // enum:   state
  kTitle,          // text:   title
  kCaptureTime,    // time:   manifest.capture_time
  kReceiveTime,    // time:   receive_time
  kLabel,          // text:   manifest.vm.labels[label]
};

enum class FilterOp {
  kEqual,
  kNotEqual,
  kLess,  // text is ordered by its bytes
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kContains,  // text only: value is a substring, case-sensitive
  kPresent,   // kLabel only: the dump has that label; value is unused
};

// Text, a time, or the number of the enum's value. The field decides which.
using FilterValue = std::variant<std::string, absl::Time, std::int32_t>;

struct FilterComparison {
  FilterField field = FilterField::kVm;
  std::string label;  // kLabel only
  FilterOp op = FilterOp::kEqual;
  FilterValue value;
};

enum class FilterKind {
  kAnd,  // of any number of operands; of none: matches everything
  kOr,   // of two or more operands
  kNot,  // of one operand
  kComparison,
};

struct Filter {
  FilterKind kind = FilterKind::kAnd;
  std::vector<Filter> operands;
  FilterComparison comparison;  // kComparison only
};

inline constexpr std::size_t kMaxFilterBytes = 4096;
inline constexpr int kMaxFilterDepth = 32;         // nested parentheses
inline constexpr int kMaxFilterComparisons = 256;  // in one filter

// Only blanks: the filter that matches everything. InvalidArgument: "filter, column 7: expected
// ...", columns being bytes counted from 1.
absl::StatusOr<Filter> ParseFilter(absl::string_view text);

// A label that the dump does not have satisfies no comparison, not even `!=`.
bool Matches(const Filter& filter, const v1::Dump& dump);

// The filter in one spelling: no parentheses but the needed ones, every text quoted, times in UTC.
// Parses back to the same filter.
std::string FormatFilter(const Filter& filter);

enum class OrderField { kCaptureTime, kReceiveTime, kVm, kHost, kCoreBytes };
enum class OrderDirection { kAscending, kDescending };

struct OrderBy {
  OrderField field = OrderField::kCaptureTime;
  OrderDirection direction = OrderDirection::kDescending;
};

// Only blanks: newest capture first. InvalidArgument names the fields there are.
absl::StatusOr<OrderBy> ParseOrderBy(absl::string_view text);

}  // namespace marrow
