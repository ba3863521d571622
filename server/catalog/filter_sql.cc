// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/filter_sql.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

// The column that holds the field; labels have a table of their own.
const char* Column(FilterField field) {
  switch (field) {
    case FilterField::kVm:
      return "vm";
    case FilterField::kHost:
      return "host";
    case FilterField::kTrigger:
      return "trigger";
    case FilterField::kKernelRelease:
      return "kernel_release";
    case FilterField::kBuildId:
      return "build_id";
    case FilterField::kState:
      return "state";
    case FilterField::kTitle:
      return "title";
    case FilterField::kCaptureTime:
      return "capture_ns";
    case FilterField::kReceiveTime:
      return "receive_ns";
    case FilterField::kLabel:
      return "value";
  }
  std::abort();
}

const char* Operator(FilterOp op) {
  switch (op) {
    case FilterOp::kEqual:
      return "=";
    case FilterOp::kNotEqual:
      return "<>";
    case FilterOp::kLess:
      return "<";
    case FilterOp::kLessEqual:
      return "<=";
    case FilterOp::kGreater:
      return ">";
    case FilterOp::kGreaterEqual:
      return ">=";
    case FilterOp::kContains:
    case FilterOp::kPresent:
      break;  // not binary operators of SQL
  }
  std::abort();
}

SqlValue Parameter(const FilterValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* time = std::get_if<absl::Time>(&value)) return absl::ToUnixNanos(*time);
  return std::int64_t{std::get<std::int32_t>(value)};
}

class Compiler {
 public:
  SqlCondition Compile(const Filter& filter) {
    Add(filter);
    return std::move(out_);
  }

 private:
  void Add(const Filter& filter) {
    switch (filter.kind) {
      case FilterKind::kAnd:
        return AddJoined(filter, " AND ", "1");
      case FilterKind::kOr:
        return AddJoined(filter, " OR ", "0");
      case FilterKind::kNot:
        out_.sql += "NOT ";
        return Add(filter.operands.front());
      case FilterKind::kComparison:
        return AddComparison(filter.comparison);
    }
  }

  void AddJoined(const Filter& filter, const char* joint, const char* of_none) {
    out_.sql += "(";
    if (filter.operands.empty()) out_.sql += of_none;
    for (std::size_t i = 0; i < filter.operands.size(); ++i) {
      if (i > 0) out_.sql += joint;
      Add(filter.operands[i]);
    }
    out_.sql += ")";
  }

  void AddComparison(const FilterComparison& comparison) {
    if (comparison.field != FilterField::kLabel) return AddTest(comparison);
    out_.sql += "(EXISTS (SELECT 1 FROM labels WHERE dump = number AND key = ?";
    out_.parameters.emplace_back(comparison.label);
    if (comparison.op != FilterOp::kPresent) {
      out_.sql += " AND ";
      AddTest(comparison);
    }
    out_.sql += "))";
  }

  void AddTest(const FilterComparison& comparison) {
    if (comparison.op == FilterOp::kContains) {
      absl::StrAppend(&out_.sql, "(instr(", Column(comparison.field), ", ?) > 0)");
    } else {
      absl::StrAppend(&out_.sql, "(", Column(comparison.field), " ", Operator(comparison.op),
                      " ?)");
    }
    out_.parameters.push_back(Parameter(comparison.value));
  }

  SqlCondition out_;
};

}  // namespace

SqlCondition CompileFilter(const Filter& filter) { return Compiler().Compile(filter); }

}  // namespace marrow
