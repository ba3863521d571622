// SPDX-License-Identifier: Apache-2.0
// Recursive descent over the grammar of AIP-160, in which OR binds tighter than AND and terms side
// by side are joined by AND as well:
//   expression = sequence {"AND" sequence}    sequence = factor {factor}
//   factor = term {"OR" term}                 term = ["NOT" | "-"] ("(" expression ")" |
//   comparison)
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/query/filter.h"
#include "server/query/filter_fields.h"
#include "server/query/filter_lexer.h"

namespace marrow {
namespace {

constexpr absl::string_view kLabels = "labels";

// RFC 3339 has four digits for the year, Abseil's parser any number.
const absl::Time kFirstTime = absl::FromCivil(absl::CivilYear(0), absl::UTCTimeZone());
const absl::Time kEndOfTime = absl::FromCivil(absl::CivilYear(10000), absl::UTCTimeZone());

std::string FieldNames() {
  return absl::StrCat(absl::StrJoin(kFilterFields, ", ",
                                    [](std::string* out, const FieldInfo& field) {
                                      out->append(field.name.data(), field.name.size());
                                    }),
                      ", labels.KEY");
}

Filter Join(FilterKind kind, std::vector<Filter> operands) {
  if (operands.size() == 1) return std::move(operands[0]);
  return Filter{kind, std::move(operands), {}};
}

// "PANIC" or "TRIGGER_PANIC" for TRIGGER_PANIC.
absl::StatusOr<std::int32_t> ParseEnum(const google::protobuf::EnumDescriptor& type,
                                       absl::string_view prefix, const Token& token) {
  const std::string full =
      absl::StartsWith(token.text, prefix) ? token.text : absl::StrCat(prefix, token.text);
  const auto* value = type.FindValueByName(full);
  if (value != nullptr && value->number() != 0) return value->number();
  std::string names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() == 0) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ",
                    absl::StripPrefix(type.value(i)->name(), prefix));
  }
  return FilterError(token.column, absl::StrCat("expected one of ", names));
}

absl::StatusOr<FilterValue> ParseValue(FieldType type, const Token& token) {
  switch (type) {
    case FieldType::kText:
      return FilterValue(token.text);
    case FieldType::kTime: {
      absl::Time time;
      const bool parsed = absl::ParseTime(absl::RFC3339_full, token.text, &time, nullptr);
      if (!parsed || time < kFirstTime || time >= kEndOfTime) {
        return FilterError(token.column, "expected a time such as 2026-01-31T23:59:59Z (RFC 3339)");
      }
      return FilterValue(time);
    }
    case FieldType::kTrigger:
    case FieldType::kState: {
      const auto number = type == FieldType::kTrigger
                              ? ParseEnum(*v1::Trigger_descriptor(), "TRIGGER_", token)
                              : ParseEnum(*v1::DumpState_descriptor(), "DUMP_STATE_", token);
      if (!number.ok()) return number.status();
      return FilterValue(*number);
    }
  }
  return absl::InternalError("field type without values");
}

absl::Status CheckOperator(const FieldInfo& field, FilterOp op, const Token& token) {
  const bool equality = op == FilterOp::kEqual || op == FilterOp::kNotEqual;
  const bool is_enum = field.type == FieldType::kTrigger || field.type == FieldType::kState;
  if (is_enum && !equality) {
    return FilterError(token.column, absl::StrCat("expected = or != after ", field.name));
  }
  if (field.type == FieldType::kTime && op == FilterOp::kContains) {
    return FilterError(token.column,
                       absl::StrCat("expected one of = != < <= > >= after ", field.name));
  }
  return absl::OkStatus();
}

class FilterParser {
 public:
  explicit FilterParser(absl::string_view text) : lexer_(text) {}

  absl::StatusOr<Filter> Parse() {
    if (absl::Status s = Advance(); !s.ok()) return s;
    if (token_.kind == TokenKind::kEnd) return Filter{};
    auto filter = Expression(0);
    if (filter.ok() && token_.kind != TokenKind::kEnd) return Unexpected("AND, OR or the end");
    return filter;
  }

 private:
  absl::Status Advance(WordKind word = WordKind::kField) {
    auto token = lexer_.Next(word);
    if (!token.ok()) return token.status();
    token_ = *std::move(token);
    return absl::OkStatus();
  }

  absl::Status Unexpected(absl::string_view expected) const {
    return FilterError(token_.column, absl::StrCat("expected ", expected));
  }

  bool AtTerm() const {
    return token_.kind == TokenKind::kWord || token_.kind == TokenKind::kNot ||
           token_.kind == TokenKind::kOpen;
  }

  absl::StatusOr<Filter> Expression(int depth) {
    std::vector<Filter> operands;
    for (;;) {
      auto factor = Factor(depth);
      if (!factor.ok()) return factor.status();
      operands.push_back(*std::move(factor));
      if (token_.kind == TokenKind::kAnd) {
        if (absl::Status s = Advance(); !s.ok()) return s;
      } else if (!AtTerm()) {
        return Join(FilterKind::kAnd, std::move(operands));
      }
    }
  }

  absl::StatusOr<Filter> Factor(int depth) {
    std::vector<Filter> operands;
    for (;;) {
      auto term = Term(depth);
      if (!term.ok()) return term.status();
      operands.push_back(*std::move(term));
      if (token_.kind != TokenKind::kOr) return Join(FilterKind::kOr, std::move(operands));
      if (absl::Status s = Advance(); !s.ok()) return s;
    }
  }

  absl::StatusOr<Filter> Term(int depth) {
    const bool negated = token_.kind == TokenKind::kNot;
    if (negated) {
      if (absl::Status s = Advance(); !s.ok()) return s;
    }
    auto term = token_.kind == TokenKind::kOpen ? Group(depth + 1) : Comparison();
    if (!term.ok() || !negated) return term;
    return Filter{FilterKind::kNot, {*std::move(term)}, {}};
  }

  absl::StatusOr<Filter> Group(int depth) {
    if (depth > kMaxFilterDepth) {
      return FilterError(token_.column,
                         absl::StrCat("more than ", kMaxFilterDepth, " nested parentheses"));
    }
    if (absl::Status s = Advance(); !s.ok()) return s;
    auto expression = Expression(depth);
    if (!expression.ok()) return expression;
    if (token_.kind != TokenKind::kClose) return Unexpected("AND, OR or )");
    if (absl::Status s = Advance(); !s.ok()) return s;
    return expression;
  }

  absl::StatusOr<Filter> Comparison() {
    if (token_.kind != TokenKind::kWord) return Unexpected("a field name, NOT or (");
    if (++comparisons_ > kMaxFilterComparisons) {
      return FilterError(token_.column,
                         absl::StrCat("more than ", kMaxFilterComparisons, " comparisons"));
    }
    const Token name = token_;
    if (absl::Status s = Advance(); !s.ok()) return s;
    if (name.text == kLabels) return LabelPresence();
    const std::optional<FieldInfo> field = FindField(name.text);
    if (!field.has_value()) {
      return FilterError(name.column, absl::StrCat("expected a field, one of ", FieldNames()));
    }
    const auto op = Operator();
    if (!op.ok()) return op.status();
    if (absl::Status s = CheckOperator(*field, *op, token_); !s.ok()) return s;
    auto value = Value(field->type);
    if (!value.ok()) return value.status();

    FilterComparison comparison{field->field, "", *op, *std::move(value)};
    if (field->field == FilterField::kLabel)
      comparison.label = name.text.substr(kLabels.size() + 1);
    return Filter{FilterKind::kComparison, {}, std::move(comparison)};
  }

  // After "labels".
  absl::StatusOr<Filter> LabelPresence() {
    const bool colon = token_.kind == TokenKind::kOperator && token_.text == ":";
    if (!colon)
      return Unexpected(": and the name of a label; for its value write labels.KEY = ...");
    auto key = Value(FieldType::kText);
    if (!key.ok()) return key.status();
    return Filter{
        FilterKind::kComparison,
        {},
        {FilterField::kLabel, std::get<std::string>(*key), FilterOp::kPresent, std::string()}};
  }

  static std::optional<FieldInfo> FindField(absl::string_view name) {
    for (const FieldInfo& field : kFilterFields) {
      if (field.name == name) return field;
    }
    const bool label = absl::ConsumePrefix(&name, kLabels) && absl::ConsumePrefix(&name, ".");
    if (!label || name.empty()) return std::nullopt;
    return FieldInfo{"a label", FilterField::kLabel, FieldType::kText};
  }

  absl::StatusOr<FilterOp> Operator() const {
    for (const OperatorInfo& info : kFilterOperators) {
      if (token_.kind == TokenKind::kOperator && token_.text == info.text) return info.op;
    }
    return Unexpected("one of = != < <= > >= :");
  }

  // Steps from the operator over the value after it.
  absl::StatusOr<FilterValue> Value(FieldType type) {
    if (absl::Status s = Advance(WordKind::kValue); !s.ok()) return s;
    if (token_.kind != TokenKind::kWord && token_.kind != TokenKind::kString) {
      return Unexpected("a value; quote one that holds blanks, operators or keywords");
    }
    auto value = ParseValue(type, token_);
    if (!value.ok()) return value;
    if (absl::Status s = Advance(); !s.ok()) return s;
    return value;
  }

  FilterLexer lexer_;
  Token token_;
  int comparisons_ = 0;
};

}  // namespace

absl::StatusOr<Filter> ParseFilter(absl::string_view text) {
  if (text.size() > kMaxFilterBytes) {
    return absl::InvalidArgumentError(absl::StrCat("filter: ", text.size(), " bytes, at most ",
                                                   kMaxFilterBytes, " are accepted"));
  }
  return FilterParser(text).Parse();
}

}  // namespace marrow
