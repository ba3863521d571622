// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <compare>
#include <optional>

#include "absl/strings/match.h"
#include "server/query/filter.h"

namespace marrow {
namespace {

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

// What the dump has in the field; nothing for a label it does not have.
std::optional<FilterValue> ValueOf(const v1::Dump& dump, const FilterComparison& comparison) {
  const v1::Manifest& manifest = dump.manifest();
  switch (comparison.field) {
    case FilterField::kVm:
      return manifest.vm().name();
    case FilterField::kHost:
      return manifest.host().name();
    case FilterField::kTrigger:
      return std::int32_t{manifest.trigger()};
    case FilterField::kKernelRelease:
      return manifest.kernel().release();
    case FilterField::kBuildId:
      return manifest.kernel().build_id();
    case FilterField::kState:
      return std::int32_t{dump.state()};
    case FilterField::kTitle:
      return dump.title();
    case FilterField::kCaptureTime:
      return ToTime(manifest.capture_time());
    case FilterField::kReceiveTime:
      return ToTime(dump.receive_time());
    case FilterField::kLabel: {
      const auto label = manifest.vm().labels().find(comparison.label);
      if (label == manifest.vm().labels().end()) return std::nullopt;
      return label->second;
    }
  }
  return std::nullopt;
}

bool Compare(const FilterComparison& comparison, const v1::Dump& dump) {
  const std::optional<FilterValue> actual = ValueOf(dump, comparison);
  if (!actual.has_value()) return false;
  switch (comparison.op) {
    case FilterOp::kEqual:
      return *actual == comparison.value;
    case FilterOp::kNotEqual:
      return *actual != comparison.value;
    case FilterOp::kLess:
      return *actual < comparison.value;
    case FilterOp::kLessEqual:
      return *actual <= comparison.value;
    case FilterOp::kGreater:
      return *actual > comparison.value;
    case FilterOp::kGreaterEqual:
      return *actual >= comparison.value;
    case FilterOp::kContains: {
      const auto* text = std::get_if<std::string>(&*actual);
      const auto* part = std::get_if<std::string>(&comparison.value);
      return text != nullptr && part != nullptr && absl::StrContains(*text, *part);
    }
    case FilterOp::kPresent:
      return true;
  }
  return false;
}

}  // namespace

bool Matches(const Filter& filter, const v1::Dump& dump) {
  const auto matches = [&dump](const Filter& operand) { return Matches(operand, dump); };
  switch (filter.kind) {
    case FilterKind::kAnd:
      return std::all_of(filter.operands.begin(), filter.operands.end(), matches);
    case FilterKind::kOr:
      return std::any_of(filter.operands.begin(), filter.operands.end(), matches);
    case FilterKind::kNot:
      return std::none_of(filter.operands.begin(), filter.operands.end(), matches);
    case FilterKind::kComparison:
      return Compare(filter.comparison, dump);
  }
  return false;
}

}  // namespace marrow
