// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/profile.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "guest/profile/scan.h"

namespace marrow::profile {
namespace {

constexpr std::array<const char*, 5> kClassNames = {"kernel-data", "log", "task", "user", "secret"};

constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 40;

struct Form {
  std::string_view word;
  DirectiveKind kind;
  std::size_t names;
  bool takes_size;
  bool needs_size;
};

constexpr Form kForms[] = {
    {"symbol", DirectiveKind::kSymbol, 1, true, false},
    {"section", DirectiveKind::kSection, 2, false, false},
    {"percpu", DirectiveKind::kPercpu, 1, true, false},
    {"pointer", DirectiveKind::kPointer, 1, true, true},
    {"printk-ring", DirectiveKind::kPrintkRing, 0, false, false},
    {"vmcoreinfo", DirectiveKind::kVmcoreinfo, 0, false, false},
    {"iomem", DirectiveKind::kIomem, 1, false, false},
};

// Words and "quoted words" up to a #. Nothing if a quote is not closed.
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

// "a?b?c". Nothing if one of them is empty.
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

// 4096, 0x1000, 4K, 1M.
std::optional<std::uint64_t> ParseSize(std::string_view token) {
  int shift = 0;
  if (token.ends_with('K')) shift = 10;
  if (token.ends_with('M')) shift = 20;
  if (shift != 0) token.remove_suffix(1);
  const auto number = token.starts_with("0x") ? ParseHex(token) : ParseDecimal(token);
  if (!number || *number == 0 || *number > kMaxSize >> shift) return std::nullopt;
  return *number << shift;
}

std::optional<marrow_region_class> ParseClass(std::string_view token) {
  const auto found = std::find(kClassNames.begin(), kClassNames.end(), token);
  if (found == kClassNames.end()) return std::nullopt;
  return static_cast<marrow_region_class>(found - kClassNames.begin());
}

// Fills `directive` from the words behind the names. Returns what is wrong, or "".
std::string ParseModifiers(std::vector<std::string_view> words, const Form& form,
                           Directive* directive) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view value = i + 1 < words.size() ? words[i + 1] : std::string_view();
    if (words[i] == "optional") {
      directive->optional = true;
    } else if (words[i] == "size" && form.takes_size) {
      const auto size = ParseSize(value);
      if (!size) return "size takes a number of bytes from 1, like 64, 0x40, 4K or 1M";
      directive->size = *size;
      ++i;
    } else if (words[i] == "class") {
      const auto region_class = ParseClass(value);
      if (!region_class) return "class takes kernel-data, log, task, user or secret";
      directive->region_class = *region_class;
      ++i;
    } else {
      return "unexpected word '" + std::string(words[i]) + "'";
    }
  }
  if (form.needs_size && directive->size == 0) {
    return std::string(form.word) + " needs a size";
  }
  return "";
}

std::string ParseDirective(std::vector<std::string_view> words, Directive* directive) {
  const auto form =
      std::find_if(std::begin(kForms), std::end(kForms),
                   [&words](const Form& candidate) { return candidate.word == words[0]; });
  if (form == std::end(kForms)) {
    return "unknown directive '" + std::string(words[0]) +
           "'; there are symbol, section, percpu, pointer, printk-ring, vmcoreinfo and iomem";
  }
  directive->kind = form->kind;
  if (words.size() < 1 + form->names) {
    return std::string(form->word) + " needs " +
           (form->names == 1 ? "a name" : "the names of its start and its end");
  }
  for (std::size_t i = 1; i <= form->names; ++i) {
    auto names = ParseAlternatives(words[i]);
    if (!names) return "an empty name";
    (i == 1 ? directive->names : directive->end_names) = std::move(*names);
  }
  words.erase(words.begin(), words.begin() + 1 + static_cast<std::ptrdiff_t>(form->names));
  return ParseModifiers(std::move(words), *form, directive);
}

}  // namespace

Result<Profile> ParseProfile(std::string_view text, std::string_view origin) {
  Profile profile;
  for (int line = 1; !text.empty(); ++line) {
    const auto words = Tokens(TakeLine(&text));
    std::string mistake;
    Directive directive;
    directive.line = line;
    if (!words) {
      mistake = "a quote is not closed";
    } else if (!words->empty()) {
      mistake = ParseDirective(*words, &directive);
      if (mistake.empty()) profile.directives.push_back(std::move(directive));
    }
    if (!mistake.empty()) {
      return Failure{std::string(origin) + ":" + std::to_string(line) + ": " + mistake};
    }
  }
  return profile;
}

const char* ClassName(std::uint16_t region_class) {
  return region_class < kClassNames.size() ? kClassNames[region_class] : "unknown";
}

}  // namespace marrow::profile
