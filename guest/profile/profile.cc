// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/profile.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "guest/profile/link_parser.h"
#include "guest/profile/profile_lexer.h"
#include "guest/profile/scan.h"
#include "guest/profile/shipped.h"

namespace marrow::profile {
namespace {

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

constexpr std::string_view kDirectives =
    "there are symbol, section, percpu, pointer, printk-ring, vmcoreinfo, iomem, include, type, "
    "root,"
    " live, orc and text";

// The words behind the names.
std::string ParseModifiers(WordStream* words, const Form& form, Directive* directive) {
  while (!words->empty()) {
    if (words->TakeIf("optional")) {
      directive->optional = true;
    } else if (form.takes_size && words->TakeIf("size")) {
      const auto size = ParseSize(words->Take());
      if (!size) return "size takes a number of bytes from 1, like 64, 0x40, 4K or 1M";
      directive->size = *size;
    } else if (words->TakeIf("class")) {
      const auto region_class = ParseClass(words->Take());
      if (!region_class) return "class takes kernel-data, log, task, user or secret";
      directive->region_class = *region_class;
    } else {
      return Unexpected(words->Peek(), form.takes_size ? "there are size, class and optional"
                                                       : "there are class and optional");
    }
  }
  if (form.needs_size && directive->size == 0) return std::string(form.word) + " needs a size";
  return "";
}

std::string ParseDirective(const Form& form, WordStream* words, Directive* directive) {
  directive->kind = form.kind;
  for (std::size_t i = 0; i < form.names; ++i) {
    if (words->empty()) {
      return std::string(form.word) + " needs " +
             (form.names == 1 ? "a name" : "the names of its start and its end");
    }
    auto names = ParseAlternatives(words->Take());
    if (!names) return "an empty name";
    (i == 0 ? directive->names : directive->end_names) = std::move(*names);
  }
  return ParseModifiers(words, form, directive);
}

bool IsIndented(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

class Parser {
 public:
  Parser(const FindProfile& find, Profile* profile) : find_(find), profile_(profile) {}

  // Returns the first mistake with its place, or "".
  std::string ParseText(std::string_view text, std::string_view origin) {
    in_type_ = false;
    for (int line = 1; !text.empty(); ++line) {
      place_ = std::string(origin) + ":" + std::to_string(line);
      const std::string place = place_;
      const std::string_view content = TakeLine(&text);
      auto tokens = Tokens(content);
      if (!tokens) return place + ": a quote is not closed";
      if (tokens->empty()) continue;
      WordStream words(std::move(*tokens));
      const std::string mistake = IsIndented(content) ? ParseIndented(&words) : ParseLine(&words);
      if (included_mistake_) return mistake;
      if (!mistake.empty()) return place + ": " + mistake;
    }
    return "";
  }

 private:
  std::string ParseIndented(WordStream* words) {
    if (!in_type_) return "an indented line is a field, and there is no type line above it";
    Field field;
    field.place = place_;
    const std::string mistake = ParseField(words, &field);
    profile_->types.back().fields.push_back(std::move(field));
    return mistake;
  }

  std::string ParseLine(WordStream* words) {
    in_type_ = false;
    const std::string_view word = words->Take();
    if (word == "type") {
      in_type_ = true;
      profile_->types.emplace_back().place = place_;
      return ParseTypeLine(words, &profile_->types.back());
    }
    if (word == "root") {
      profile_->roots.emplace_back().place = place_;
      return ParseRoot(words, &profile_->roots.back());
    }
    if (word == "live") {
      profile_->roots.emplace_back().place = place_;
      return ParseLive(words, &profile_->roots.back());
    }
    if (word == "orc") {
      profile_->orcs.emplace_back().place = place_;
      return ParseOrc(words, &profile_->orcs.back());
    }
    if (word == "text") return profile::ParseText(words, &profile_->text);
    if (word == "include") return Include(words);
    const auto form = std::find_if(std::begin(kForms), std::end(kForms),
                                   [&](const Form& candidate) { return candidate.word == word; });
    if (form == std::end(kForms)) {
      return "unknown directive '" + std::string(word) + "'; " + std::string(kDirectives);
    }
    profile_->directives.emplace_back().place = place_;
    return ParseDirective(*form, words, &profile_->directives.back());
  }

  std::string Include(WordStream* words) {
    const std::string name(words->Take());
    if (name.empty()) return "include needs the name of a shipped profile";
    if (!words->empty()) return Unexpected(words->Peek(), "include takes one name");
    if (open_.contains(name)) return "profile " + name + " includes itself";
    if (done_.contains(name)) return "";
    const auto text = find_(name);
    if (!text) return "there is no profile '" + name + "' to include; " + ShippedText();
    open_.insert(name);
    const std::string mistake = ParseText(*text, name + ".profile");
    open_.erase(name);
    done_.insert(name);
    in_type_ = false;
    included_mistake_ = !mistake.empty();
    return mistake;
  }

  static std::string ShippedText() {
    std::string text;
    for (const std::string_view name : ShippedProfileNames()) {
      text += (text.empty() ? "shipped are " : ", ") + std::string(name);
    }
    return text;
  }

  const FindProfile& find_;
  Profile* profile_;
  std::string place_;
  bool in_type_ = false;           // fields belong to the last type
  bool included_mistake_ = false;  // which has its own place
  std::set<std::string> open_;     // being included at the moment
  std::set<std::string> done_;
};

}  // namespace

Result<Profile> ParseProfile(std::string_view text, std::string_view origin,
                             const FindProfile& find) {
  Profile profile;
  std::string mistake = Parser(find, &profile).ParseText(text, origin);
  if (!mistake.empty()) return Failure{std::move(mistake)};
  return profile;
}

Result<Profile> ParseProfile(std::string_view text, std::string_view origin) {
  return ParseProfile(text, origin, FindShippedProfile);
}

}  // namespace marrow::profile
