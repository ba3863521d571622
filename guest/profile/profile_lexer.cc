// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/profile_lexer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "guest/profile/scan.h"

namespace marrow::profile {
namespace {

constexpr std::array<const char*, 5> kClassNames = {"kernel-data", "log", "task", "user", "secret"};

constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 40;

}  // namespace

std::string_view WordStream::Take() {
  const std::string_view word = Peek();
  if (!empty()) ++next_;
  return word;
}

bool WordStream::TakeIf(std::string_view word) {
  if (empty() || Peek() != word) return false;
  ++next_;
  return true;
}

std::optional<std::vector<std::string_view>> Tokens(std::string_view line) {
  std::vector<std::string_view> tokens;
  for (;;) {
    line = Trim(line);
    if (line.empty() || line.front() == '#') return tokens;
    if (line.front() == '"') {
      const std::size_t close = line.find('"', 1);
      if (close == line.npos) return std::nullopt;
      tokens.push_back(line.substr(1, close - 1));
      line.remove_prefix(close + 1);
    } else {
      const std::size_t end = std::min(line.find_first_of(" \t\r#"), line.size());
      tokens.push_back(line.substr(0, end));
      line.remove_prefix(end);
    }
  }
}

std::optional<Alternatives> ParseAlternatives(std::string_view token) {
  Alternatives names;
  for (;;) {
    const std::size_t mark = token.find('?');
    if (mark == 0 || token.empty()) return std::nullopt;
    names.emplace_back(token.substr(0, mark));
    if (mark == token.npos) return names;
    token.remove_prefix(mark + 1);
  }
}

std::optional<std::uint64_t> ParseSize(std::string_view token) {
  int shift = 0;
  if (token.ends_with('K')) shift = 10;
  if (token.ends_with('M')) shift = 20;
  if (shift != 0) token.remove_suffix(1);
  const auto number = token.starts_with("0x") ? ParseHex(token) : ParseDecimal(token);
  if (!number || *number == 0 || *number > kMaxSize >> shift) return std::nullopt;
  return *number << shift;
}

std::optional<std::uint32_t> ParseCount(std::string_view token, std::uint32_t maximum) {
  const auto size = ParseSize(token);
  if (!size || *size > maximum) return std::nullopt;
  return static_cast<std::uint32_t>(*size);
}

std::optional<std::uint32_t> ParseU32(std::string_view token) {
  const auto number = token.starts_with("0x") ? ParseHex(token) : ParseDecimal(token);
  if (!number || *number > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<Version> ParseVersion(std::string_view token) {
  const std::size_t dot = token.find('.');
  if (dot == token.npos) return std::nullopt;
  const auto major = ParseDecimal(token.substr(0, dot));
  const auto minor = ParseDecimal(token.substr(dot + 1));
  if (!major || !minor || *major > UINT32_MAX || *minor > UINT32_MAX) return std::nullopt;
  return Version{static_cast<std::uint32_t>(*major), static_cast<std::uint32_t>(*minor)};
}

std::optional<marrow_region_class> ParseClass(std::string_view token) {
  const auto found = std::find(kClassNames.begin(), kClassNames.end(), token);
  if (found == kClassNames.end()) return std::nullopt;
  return static_cast<marrow_region_class>(found - kClassNames.begin());
}

bool TakeCondition(WordStream* words, Condition* condition, std::string* mistake) {
  if (words->TakeIf("optional")) {
    condition->optional = true;
    return true;
  }
  const std::string_view word = words->Peek();
  if (word != "from" && word != "before") return false;
  words->Take();
  const auto version = ParseVersion(words->Take());
  if (!version) *mistake = std::string(word) + " takes a kernel version like 6.1";
  (word == "from" ? condition->from : condition->before) = version;
  return true;
}

std::string Unexpected(std::string_view word, std::string_view allowed) {
  std::string text = "unexpected word '" + std::string(word) + "'; ";
  return text += allowed;
}

std::string Join(const Alternatives& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : "?") + name;
  return text;
}

const char* ClassName(std::uint16_t region_class) {
  return region_class < kClassNames.size() ? kClassNames[region_class] : "unknown";
}

}  // namespace marrow::profile
