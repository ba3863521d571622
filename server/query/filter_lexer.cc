// SPDX-License-Identifier: Apache-2.0
#include "server/query/filter_lexer.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

bool Is(absl::string_view set, char c) { return set.find(c) != absl::string_view::npos; }

}  // namespace

absl::Status FilterError(std::size_t column, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat("filter, column ", column, ": ", problem));
}

absl::StatusOr<Token> FilterLexer::Next(WordKind word) {
  while (next_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[next_]))) {
    ++next_;
  }
  const std::size_t column = next_ + 1;
  if (next_ == text_.size()) return Token{TokenKind::kEnd, "", column};
  const char c = text_[next_];
  if (c == '"' || c == '\'') return QuotedString();
  if (Is("=<>!:", c)) return Operator();
  if (c == '(' || c == ')') {
    ++next_;
    return Token{c == '(' ? TokenKind::kOpen : TokenKind::kClose, std::string(1, c), column};
  }
  if (c == '-' && word == WordKind::kField) {
    ++next_;
    return Token{TokenKind::kNot, "-", column};
  }
  return Word(word);
}

absl::StatusOr<Token> FilterLexer::QuotedString() {
  Token token{TokenKind::kString, "", next_ + 1};
  const char quote = text_[next_++];
  while (next_ < text_.size()) {
    char c = text_[next_++];
    if (c == quote) return token;
    if (c == '\\') {
      if (next_ == text_.size()) break;
      c = text_[next_++];
      if (!Is("\\\"'", c)) {
        return FilterError(next_ - 1, "only \\\\, \\\" and \\' are escapes in a quoted text");
      }
    }
    token.text.push_back(c);
  }
  return FilterError(token.column, absl::StrCat("expected a closing ", std::string(1, quote)));
}

Token FilterLexer::Word(WordKind word) {
  const absl::string_view ends = word == WordKind::kField ? "()\"'=<>!:" : "()\"'=<>!";
  const std::size_t begin = next_;
  while (next_ < text_.size() && !Is(ends, text_[next_]) &&
         !absl::ascii_isspace(static_cast<unsigned char>(text_[next_]))) {
    ++next_;
  }
  Token token{TokenKind::kWord, std::string(text_.substr(begin, next_ - begin)), begin + 1};
  if (token.text == "AND") token.kind = TokenKind::kAnd;
  if (token.text == "OR") token.kind = TokenKind::kOr;
  if (token.text == "NOT") token.kind = TokenKind::kNot;
  return token;
}

Token FilterLexer::Operator() {
  Token token{TokenKind::kOperator, std::string(1, text_[next_]), next_ + 1};
  ++next_;
  if (Is("<>!", token.text[0]) && next_ < text_.size() && text_[next_] == '=') {
    token.text.push_back(text_[next_++]);
  }
  return token;
}

}  // namespace marrow
