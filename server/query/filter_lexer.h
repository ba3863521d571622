// SPDX-License-Identifier: Apache-2.0
// Splits a filter into tokens. Internal to query.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace marrow {

enum class TokenKind {
  kEnd,
  kWord,    // unquoted: a field, a value or a keyword
  kString,  // quoted: always a value
  kAnd,
  kOr,
  kNot,    // NOT, or a minus in front of a term
  kOpen,   // (
  kClose,  // )
  kOperator,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;        // unquoted and unescaped
  std::size_t column = 1;  // of its first byte, counted from 1
};

// InvalidArgument: "filter, column 7: <problem>".
absl::Status FilterError(std::size_t column, absl::string_view problem);

// Where a word stands decides where it ends: a field ends at an operator, while a value may hold
// the colons of a time.
enum class WordKind { kField, kValue };

// Not thread-safe; borrows the text.
class FilterLexer {
 public:
  explicit FilterLexer(absl::string_view text) : text_(text) {}
  absl::StatusOr<Token> Next(WordKind word);

 private:
  absl::StatusOr<Token> QuotedString();
  Token Word(WordKind word);
  Token Operator();

  absl::string_view text_;
  std::size_t next_ = 0;
};

}  // namespace marrow
