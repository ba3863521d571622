// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/link_parser.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "guest/profile/scan.h"

namespace marrow::profile {
namespace {

constexpr std::uint32_t kMaxBytes = 1 << 26;     // of one object, as the ABI bounds them
constexpr std::uint32_t kMaxElements = 1 << 26;  // the compiler takes it down to the ABI's bound
constexpr std::uint32_t kMaxWords = 1 << 20;     // of a field
constexpr std::uint32_t kMaxTextBytes = 1 << 16;
constexpr std::uint32_t kDefaultStringBytes = 256;
constexpr std::int64_t kMaxAdjust = 1 << 26;

enum class Args { kNone, kTarget, kTargetOrBytes, kNeedsTarget, kNeedsPath, kSp, kString, kOrc };

struct KindForm {
  std::string_view word;
  LinkKind kind;
  Args args;
  bool of_field;
  bool of_root;
};

constexpr KindForm kKinds[] = {
    {"pointer", LinkKind::kPointer, Args::kTargetOrBytes, true, true},
    {"embedded", LinkKind::kEmbedded, Args::kTarget, true, false},
    {"object", LinkKind::kEmbedded, Args::kTargetOrBytes, false, true},
    {"table", LinkKind::kTable, Args::kNeedsTarget, true, true},
    {"ring", LinkKind::kRing, Args::kNone, true, false},
    {"list", LinkKind::kList, Args::kNeedsPath, true, true},
    {"hlist", LinkKind::kHlist, Args::kNeedsPath, true, true},
    {"chain", LinkKind::kChain, Args::kNeedsPath, true, true},
    {"rbtree", LinkKind::kRbtree, Args::kNeedsPath, true, true},
    {"xarray", LinkKind::kXarray, Args::kNeedsTarget, true, true},
    {"maple", LinkKind::kMaple, Args::kNeedsTarget, true, true},
    {"percpu", LinkKind::kPercpu, Args::kTargetOrBytes, true, true},
    {"kernel-stack", LinkKind::kKernelStack, Args::kSp, true, false},
    {"string", LinkKind::kString, Args::kString, true, true},
    {"orc", LinkKind::kOrc, Args::kOrc, true, false},
};

constexpr std::string_view kModifiers[] = {
    "count", "elements", "tag",    "clear", "limit",    "adjust",      "zeros",    "if-mapped",
    "class", "optional", "before", "from",  "priority", "max-objects", "max-bytes"};
constexpr std::string_view kModifiersText =
    "there are count, elements, tag, clear, limit, adjust, zeros, if-mapped, class, optional, from "
    "and before"
    " (a root has priority, max-objects and max-bytes as well)";

bool IsModifier(std::string_view word) {
  return std::find(std::begin(kModifiers), std::end(kModifiers), word) != std::end(kModifiers);
}

bool IsNumber(std::string_view word) {
  return !word.empty() && word.front() >= '0' && word.front() <= '9';
}

// Whether the next word is an argument, and not the end or a modifier.
bool HasArgument(const WordStream& words) { return !words.empty() && !IsModifier(words.Peek()); }

// TYPE or TYPE.PATH[?ALT]
std::string ParseTarget(std::string_view word, Link* link) {
  const std::size_t dot = word.find('.');
  link->target = word.substr(0, dot);
  if (link->target.empty() || link->target.find('?') != std::string::npos) {
    return "'" + std::string(word) + "' is no type: TYPE or TYPE.MEMBER is wanted";
  }
  if (dot == word.npos) return "";
  auto path = ParseAlternatives(word.substr(dot + 1));
  if (!path) return "an empty member name in '" + std::string(word) + "'";
  link->target_path = std::move(*path);
  return "";
}

std::string TakePath(WordStream* words, std::string_view what, Alternatives* path) {
  if (!HasArgument(*words)) return std::string(what);
  auto names = ParseAlternatives(words->Take());
  if (!names) return "an empty name";
  *path = std::move(*names);
  return "";
}

// bytes N, or bytes PATH [max N]
std::string ParseRawBytes(WordStream* words, Link* link) {
  constexpr const char* kWanted =
      "bytes takes a number from 1 to 64M, or the member that holds it and max N";
  if (!HasArgument(*words)) return kWanted;
  if (IsNumber(words->Peek())) {
    const auto bytes = ParseCount(words->Take(), kMaxBytes);
    if (!bytes) return kWanted;
    link->bytes = *bytes;
    return "";
  }
  auto path = ParseAlternatives(words->Take());
  if (!path) return "an empty name";
  link->bytes_path = std::move(*path);
  if (!words->TakeIf("max")) return "";
  link->row.maximum = ParseCount(words->Take(), kMaxElements);
  return link->row.maximum ? "" : kWanted;
}

std::string ParseArguments(const KindForm& form, WordStream* words, Link* link) {
  const std::string word(form.word);
  switch (form.args) {
    case Args::kNone:
      return "";
    case Args::kTargetOrBytes:
      if (words->TakeIf("bytes")) return ParseRawBytes(words, link);
      [[fallthrough]];
    case Args::kTarget:
      return HasArgument(*words) ? ParseTarget(words->Take(), link) : "";
    case Args::kNeedsTarget:
      if (!HasArgument(*words)) return word + " needs a type";
      return ParseTarget(words->Take(), link);
    case Args::kNeedsPath: {
      const std::string wanted = word + " needs TYPE.MEMBER: how objects are chained";
      if (!HasArgument(*words)) return wanted;
      const std::string mistake = ParseTarget(words->Take(), link);
      return mistake.empty() && link->target_path.empty() ? wanted : mistake;
    }
    case Args::kSp:
      return TakePath(words, word + " needs the member that holds the saved stack pointer",
                      &link->sp_path);
    case Args::kString:
      link->bytes = kDefaultStringBytes;
      if (!HasArgument(*words)) return "";
      if (const auto bytes = ParseCount(words->Take(), kMaxTextBytes)) {
        link->bytes = *bytes;
        return "";
      }
      return "string takes a number of bytes from 1 to 64K";
    case Args::kOrc:
      break;
  }
  const char* wanted = "orc needs the members that point to the entries and hold their number";
  const std::string mistake = TakePath(words, wanted, &link->entries_path);
  return mistake.empty() ? TakePath(words, wanted, &link->row.path) : mistake;
}

// elements N, or elements PATH [max N]
std::string ParseElements(WordStream* words, Row* row) {
  constexpr const char* kWanted =
      "elements takes a number from 1 to 64M, or the member that holds it and max N";
  if (IsNumber(words->Peek())) {
    row->number = ParseCount(words->Take(), kMaxElements);
    return row->number ? "" : kWanted;
  }
  auto path = ParseAlternatives(words->Take());
  if (!path) return kWanted;
  row->path = std::move(*path);
  if (!words->TakeIf("max")) return "";
  row->maximum = ParseCount(words->Take(), kMaxElements);
  return row->maximum ? "" : kWanted;
}

// MASK=VALUE
std::string ParseTag(std::string_view word, Link* link) {
  const std::size_t equals = word.find('=');
  if (equals != word.npos) {
    const auto mask = ParseU32(word.substr(0, equals));
    const auto value = ParseU32(word.substr(equals + 1));
    if (mask && value && (*value & ~*mask) == 0) {
      link->tag_mask = *mask;
      link->tag_value = *value;
      return "";
    }
  }
  return "tag takes MASK=VALUE with a value inside the mask, like 3=2 or 0xff=0x10";
}

std::string ParseNumberModifier(std::string_view word, std::string_view value, Link* link) {
  if (word == "count") {
    const auto count = ParseCount(value, kMaxWords);
    link->count = count.value_or(0);
    return count ? "" : "count takes a number of words from 1 to 1M";
  }
  if (word == "limit") {
    const auto limit = ParseCount(value, UINT32_MAX);
    link->limit = limit.value_or(0);
    return limit ? "" : "limit takes a number of list nodes from 1";
  }
  if (word == "clear") {
    const auto mask = ParseU32(value);
    link->clear_mask = mask.value_or(0);
    return mask ? "" : "clear takes a mask of at most 32 bits, like 3 or 0xff";
  }
  const auto number = ParseSigned(value);
  if (!number || *number < -kMaxAdjust || *number > kMaxAdjust) {
    return "adjust takes a number of bytes, like 64 or -16376";
  }
  link->adjust = static_cast<std::int32_t>(*number);
  return "";
}

// Takes one modifier of any link. Returns false if the next word is none.
bool TakeModifier(WordStream* words, Link* link, Condition* condition, std::string* mistake) {
  if (TakeCondition(words, condition, mistake)) return true;
  const std::string_view word = words->Peek();
  if (word == "zeros" || word == "if-mapped") {
    words->Take();
    (word == "zeros" ? link->zeros : link->if_mapped) = true;
  } else if (word == "class") {
    words->Take();
    link->region_class = ParseClass(words->Take());
    if (!link->region_class) *mistake = "class takes kernel-data, log, task, user or secret";
  } else if (word == "elements") {
    words->Take();
    *mistake = ParseElements(words, &link->row);
  } else if (word == "tag") {
    words->Take();
    *mistake = ParseTag(words->Take(), link);
  } else if (word == "count" || word == "limit" || word == "clear" || word == "adjust") {
    words->Take();
    *mistake = ParseNumberModifier(word, words->Take(), link);
  } else {
    return false;
  }
  return true;
}

// Takes one modifier that only roots have.
bool TakeRootModifier(WordStream* words, RootLine* root, std::string* mistake) {
  const std::string_view word = words->Peek();
  if (word == "priority") {
    words->Take();
    const auto priority = ParseU32(words->Take());
    if (!priority || *priority > UINT16_MAX) *mistake = "priority takes a number from 0 to 65535";
    root->priority = static_cast<std::uint16_t>(priority.value_or(0));
  } else if (word == "max-objects") {
    words->Take();
    const auto objects = ParseCount(words->Take(), UINT32_MAX);
    if (!objects) *mistake = "max-objects takes a number from 1";
    root->max_objects = objects.value_or(0);
  } else if (word == "max-bytes") {
    words->Take();
    const auto bytes = ParseSize(words->Take());
    if (!bytes) *mistake = "max-bytes takes a number of bytes from 1, like 4096 or 16M";
    root->max_bytes = bytes.value_or(0);
  } else {
    return false;
  }
  return true;
}

std::string KindsText(bool root) {
  std::string text;
  for (const KindForm& form : kKinds) {
    if (root ? form.of_root : form.of_field) {
      text += (text.empty() ? "there are " : ", ") + std::string(form.word);
    }
  }
  return text;
}

// The kind, its arguments, and modifiers before and behind them. `root` is null for a field.
std::string ParseLink(WordStream* words, Link* link, Condition* condition, RootLine* root) {
  std::string mistake;
  const auto take_modifiers = [&] {
    while (mistake.empty() && (TakeModifier(words, link, condition, &mistake) ||
                               (root != nullptr && TakeRootModifier(words, root, &mistake)))) {
    }
    return mistake.empty();
  };
  if (!take_modifiers()) return mistake;
  const bool is_root = root != nullptr;
  if (words->empty()) return "no kind of link: " + KindsText(is_root);
  const std::string_view word = words->Take();
  const auto form = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const KindForm& f) {
    return f.word == word && (is_root ? f.of_root : f.of_field);
  });
  if (form == std::end(kKinds)) {
    return "unknown kind of link '" + std::string(word) + "'; " + KindsText(is_root);
  }
  link->kind = form->kind;
  mistake = ParseArguments(*form, words, link);
  if (!mistake.empty() || !take_modifiers()) return mistake;
  if (!words->empty()) return Unexpected(words->Peek(), kModifiersText);
  return "";
}

}  // namespace

std::string ParseTypeLine(WordStream* words, TypeBlock* block) {
  if (words->empty()) return "type needs the name of a structure";
  auto names = ParseAlternatives(words->Take());
  if (!names) return "an empty name";
  block->names = std::move(*names);
  block->view = block->names.front();
  std::string mistake;
  while (!words->empty() && mistake.empty()) {
    if (TakeCondition(words, &block->condition, &mistake)) continue;
    if (words->TakeIf("as")) {
      if (words->empty()) return "as takes a name for this view of the structure";
      block->view = words->Take();
      block->aliased = true;
    } else if (words->TakeIf("bytes")) {
      const std::string_view value = words->Take();
      block->bytes = value == "0" ? std::uint32_t{0} : ParseCount(value, kMaxBytes);
      if (!block->bytes) mistake = "bytes takes a number from 0 to 64M";
    } else if (words->TakeIf("class")) {
      block->region_class = ParseClass(words->Take());
      if (!block->region_class) mistake = "class takes kernel-data, log, task, user or secret";
    } else {
      mistake = Unexpected(words->Peek(), "there are as, bytes, class, optional, from and before");
    }
  }
  return mistake;
}

std::string ParseField(WordStream* words, Field* field) {
  auto path = ParseAlternatives(words->Take());
  if (!path) return "an empty name";
  field->path = std::move(*path);
  return ParseLink(words, &field->link, &field->condition, nullptr);
}

std::string ParseRoot(WordStream* words, RootLine* root) {
  root->percpu = words->TakeIf("percpu");
  if (words->empty()) return "root needs the name of a variable";
  auto names = ParseAlternatives(words->Take());
  if (!names) return "an empty name";
  root->names = std::move(*names);
  const std::string mistake = ParseLink(words, &root->link, &root->condition, root);
  if (!mistake.empty()) return mistake;
  const Link& link = root->link;
  if (!link.row.path.empty() || !link.bytes_path.empty()) {
    return "a root takes a number: its variable has no members";
  }
  const bool untyped = link.target.empty() && link.bytes == 0;
  return untyped ? "a root needs TYPE or bytes N: the kernel does not tell its variables' types"
                 : "";
}

std::string ParseLive(WordStream* words, RootLine* root) {
  constexpr const char* kWanted = "live needs the symbols of its start and its end";
  std::string mistake = TakePath(words, kWanted, &root->names);
  if (mistake.empty()) mistake = TakePath(words, kWanted, &root->end_names);
  if (mistake.empty()) mistake = ParseLink(words, &root->link, &root->condition, root);
  if (!mistake.empty()) return mistake;
  const Link& link = root->link;
  const bool object = link.kind == LinkKind::kEmbedded;
  if (!object && link.kind != LinkKind::kString) return "live takes string or object";
  if (!link.target_path.empty() || !link.bytes_path.empty() ||
      (link.target.empty() && link.bytes == 0)) {
    return "a live object needs TYPE or bytes N: there is nothing else to tell what it is";
  }
  const bool words_of_field = link.count != 0 || link.row.number || !link.row.path.empty() ||
                              link.tag_mask != 0 || link.clear_mask != 0 || link.limit != 0 ||
                              link.adjust != 0;
  return words_of_field
             ? "live takes no count, elements, tag, clear, limit or adjust: it has no field"
             : "";
}

std::string ParseOrc(WordStream* words, OrcLine* orc) {
  std::string mistake;
  while (mistake.empty() && TakeCondition(words, &orc->condition, &mistake)) {
  }
  if (!mistake.empty() || words->empty()) return mistake;
  return Unexpected(words->Peek(), "there are optional, from and before");
}

std::string ParseText(WordStream* words, TextRange* text) {
  while (!words->empty()) {
    const std::string_view word = words->Take();
    if (word != "before" && word != "after") return Unexpected(word, "there are before and after");
    const auto bytes = ParseCount(words->Take(), kMaxTextBytes);
    if (!bytes) return std::string(word) + " takes a number of bytes from 1 to 64K";
    (word == "before" ? text->before : text->after) = *bytes;
  }
  if (text->before == 0 && text->after == 0) return "text needs before N, after N or both";
  return "";
}

}  // namespace marrow::profile
