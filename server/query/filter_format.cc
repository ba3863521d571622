// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/query/filter.h"
#include "server/query/filter_fields.h"

namespace marrow {
namespace {

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

std::string FormatValue(const FilterComparison& comparison) {
  if (const auto* text = std::get_if<std::string>(&comparison.value)) return Quoted(*text);
  if (const auto* time = std::get_if<absl::Time>(&comparison.value)) {
    return absl::FormatTime(absl::RFC3339_full, *time, absl::UTCTimeZone());
  }
  const std::int32_t number = std::get<std::int32_t>(comparison.value);
  return comparison.field == FilterField::kTrigger
             ? v1::Trigger_Name(static_cast<v1::Trigger>(number))
             : v1::DumpState_Name(static_cast<v1::DumpState>(number));
}

std::string FormatComparison(const FilterComparison& comparison) {
  if (comparison.op == FilterOp::kPresent) {
    return absl::StrCat("labels:", Quoted(comparison.label));
  }
  std::string name = absl::StrCat("labels.", comparison.label);
  for (const FieldInfo& field : kFilterFields) {
    if (field.field == comparison.field) name = std::string(field.name);
  }
  absl::string_view op;
  for (const OperatorInfo& info : kFilterOperators) {
    if (info.op == comparison.op) op = info.text;
  }
  return absl::StrCat(name, " ", op, " ", FormatValue(comparison));
}

// How tightly the grammar binds each kind. An operand needs parentheses unless it binds tighter.
int Tightness(FilterKind kind) {
  switch (kind) {
    case FilterKind::kAnd:
      return 0;
    case FilterKind::kOr:
      return 1;
    case FilterKind::kNot:
      return 2;
    case FilterKind::kComparison:
      return 3;
  }
  return 0;
}

}  // namespace

std::string FormatFilter(const Filter& filter) {
  if (filter.kind == FilterKind::kComparison) return FormatComparison(filter.comparison);
  std::string out = filter.kind == FilterKind::kNot ? "NOT " : "";
  for (const Filter& operand : filter.operands) {
    if (&operand != &filter.operands.front()) {
      absl::StrAppend(&out, filter.kind == FilterKind::kOr ? " OR " : " AND ");
    }
    const bool tighter = Tightness(operand.kind) > Tightness(filter.kind);
    absl::StrAppend(&out, tighter ? "" : "(", FormatFilter(operand), tighter ? "" : ")");
  }
  return out;
}

}  // namespace marrow
