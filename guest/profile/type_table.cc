// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/type_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "guest/profile/profile_lexer.h"

namespace marrow::profile {
namespace {

// Of a structure; larger ones are not captured whole.
constexpr std::uint64_t kMaxTypeBytes = 1 << 26;

// "6.1.0-13-amd64", "6.10-rc3"
std::optional<Version> ParseRelease(std::string_view release) {
  const std::size_t end = release.find_first_not_of("0123456789", release.find('.') + 1);
  return ParseVersion(release.substr(0, end));
}

std::string RequestKey(const TypeRequest& request, std::uint16_t region_class) {
  return request.name + "/" + std::to_string(region_class) +
         (request.flags != 0 ? "/" + std::to_string(request.flags) : "");
}

}  // namespace

LineReporter::LineReporter(const KernelView& view, Compilation* out)
    : release_(ParseRelease(view.Release())), out_(out) {}

bool LineReporter::Applies(const Condition& condition, const std::string& place,
                           const std::string& what) {
  // A kernel that does not tell its release is taken for a new one.
  const bool from = !condition.from || !release_ || *release_ >= *condition.from;
  const bool before = !condition.before || (release_ && *release_ < *condition.before);
  if (from && before) return true;
  const Version& bound = from ? *condition.before : *condition.from;
  Report(place,
         what + " is for kernels " + (from ? "before " : "from ") + std::to_string(bound.major) +
             "." + std::to_string(bound.minor),
         true);
  return false;
}

void LineReporter::Report(const std::string& place, const std::string& what, bool optional) {
  // One line may be compiled for several classes.
  if (!told_.insert(place + ": " + what).second) return;
  (optional ? out_->skipped : out_->missing).push_back(place + ": " + what);
}

TypeTable::TypeTable(const Profile& profile, const KernelTypes& types, LineReporter* reporter)
    : types_(types), reporter_(reporter) {
  for (const TypeBlock& block : profile.types) AddBlock(block);
}

void TypeTable::AddBlock(const TypeBlock& block) {
  if (!block.aliased) {
    for (const std::string& name : block.names) view_of_name_.try_emplace(name, block.view);
  }
  const bool applies =
      reporter_->Applies(block.condition, block.place, "type " + Join(block.names));
  const auto [entry, fresh] = views_.try_emplace(block.view);
  View& view = entry->second;
  if (fresh) {
    view.place = block.place;
    view.optional = block.condition.optional;
    view.other_version = true;
  }
  if (!applies) return;
  view.other_version = false;
  view.optional = view.optional && block.condition.optional;
  if (view.structure.empty()) {
    const auto found = std::find_if(block.names.begin(), block.names.end(),
                                    [this](const auto& name) { return types_.SizeOf(name); });
    if (found != block.names.end()) view.structure = *found;
  }
  if (block.bytes) view.bytes = block.bytes;
  if (block.region_class) view.region_class = *block.region_class;
  view.known = !view.structure.empty() || view.bytes;
  for (const Field& field : block.fields) view.fields.push_back(&field);
}

const TypeTable::View* TypeTable::FindView(const std::string& name) const {
  auto found = views_.find(name);
  if (found == views_.end()) {
    const auto named = view_of_name_.find(name);
    if (named != view_of_name_.end()) found = views_.find(named->second);
  }
  return found == views_.end() ? nullptr : &found->second;
}

std::optional<std::uint32_t> TypeTable::Request(const TypeRequest& request,
                                                const std::string& place, bool optional) {
  const View* view = FindView(request.name);
  const std::string structure = view != nullptr ? view->structure : request.name;
  const auto size = types_.SizeOf(structure);
  if ((view != nullptr && !view->known) || (view == nullptr && !size) ||
      size.value_or(0) > kMaxTypeBytes) {
    if (!unknown_.insert(request.name).second) return std::nullopt;
    if (view != nullptr && view->other_version) {
      reporter_->Report(place, "no type " + request.name + " for this kernel version", true);
    } else {
      reporter_->Report(view != nullptr ? view->place : place,
                        "the kernel's types have no structure " + request.name,
                        optional || (view != nullptr && view->optional));
    }
    return std::nullopt;
  }
  const std::uint16_t region_class =
      request.region_class ? static_cast<std::uint16_t>(*request.region_class)
      : view != nullptr    ? static_cast<std::uint16_t>(view->region_class)
                           : request.source_class;
  const std::string key = RequestKey(request, region_class);
  if (const auto known = Find(key)) return known;
  TypeDraft draft;
  const auto whole = static_cast<std::uint32_t>(size.value_or(0));
  draft.type.bytes = view != nullptr && view->bytes ? *view->bytes : whole;
  draft.type.stride = std::max(size ? whole : draft.type.bytes, 1u);
  draft.type.region_class = region_class;
  draft.type.flags = request.flags;
  SetName(request.name, draft.type.name);
  draft.structure = structure;
  if (view != nullptr) draft.fields = view->fields;
  return Add(key, std::move(draft));
}

std::uint32_t TypeTable::Raw(std::uint32_t bytes, std::uint16_t region_class, std::uint16_t flags) {
  const bool text = (flags & MARROW_TYPE_TEXT) != 0;
  const std::string name = (text ? "string[" : "bytes[") + std::to_string(bytes) + "]";
  const std::string key = name + "/" + std::to_string(region_class) + "/" + std::to_string(flags);
  if (const auto known = Find(key)) return *known;
  TypeDraft draft;
  draft.type.bytes = bytes;
  draft.type.stride = bytes;
  draft.type.region_class = region_class;
  draft.type.flags = flags;
  SetName(name, draft.type.name);
  return Add(key, std::move(draft));
}

std::optional<std::uint32_t> TypeTable::Find(const std::string& key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

std::uint32_t TypeTable::Add(const std::string& key, TypeDraft draft) {
  const auto index = static_cast<std::uint32_t>(drafts_.size());
  drafts_.push_back(std::move(draft));
  by_key_.emplace(key, index);
  return index;
}

void SetName(const std::string& name, char (&out)[MARROW_NAME_BYTES]) {
  std::string text = name;
  if (text.size() > sizeof(out)) {
    const std::string tail = text.ends_with('>') ? "~>" : "~";
    text = text.substr(0, sizeof(out) - tail.size()) + tail;
  }
  std::memset(out, 0, sizeof(out));
  std::memcpy(out, text.data(), text.size());
}

}  // namespace marrow::profile
