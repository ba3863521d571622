// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/yaml_mapping.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"

namespace marrow {
namespace {

// yaml-cpp speaks of bytes as std::string, Abseil's views are their own type.
std::string Text(absl::string_view view) { return std::string(view); }

}  // namespace

absl::Status YamlError(const YAML::Mark& mark, absl::string_view where, absl::string_view what) {
  std::string place;
  if (!mark.is_null()) {
    place = absl::StrCat("line ", mark.line + 1, ", column ", mark.column + 1, ": ");
  }
  return absl::InvalidArgumentError(absl::StrCat(place, where, where.empty() ? "" : ": ", what));
}

YamlMapping::YamlMapping(const YAML::Node& node, std::string path, absl::Status* error)
    : node_(node), path_(std::move(path)), error_(error) {
  if (!ok()) return;
  if (!node_.IsMap()) Fail(node_, "", "must be a mapping: write lines of `key: value`");
  for (const auto& entry : node_) {
    if (!ok()) return;
    if (!entry.first.IsScalar()) {
      Fail(entry.first, "", "keys must be plain text");
    } else if (!values_.emplace(entry.first.Scalar(), entry.second).second) {
      Fail(entry.first, entry.first.Scalar(), "is given twice: delete one");
    }
  }
}

void YamlMapping::Require(absl::string_view key) {
  if (values_.find(Text(key)) == values_.end()) {
    Fail(node_, "", absl::StrCat("`", key, "` is missing: add it"));
  }
}

void YamlMapping::ReadMapping(absl::string_view key,
                              const std::function<void(YamlMapping&)>& read) {
  const YAML::Node* node = Take(key);
  if (node == nullptr) return;
  YamlMapping mapping(*node, Where(key), error_);
  read(mapping);
  mapping.Finish();
}

void YamlMapping::ReadMappings(absl::string_view key,
                               const std::function<void(YamlMapping&)>& read) {
  const YAML::Node* node = Take(key);
  if (node == nullptr) return;
  if (!node->IsSequence()) return Fail(*node, key, "must be a list: start each element with `-`");
  for (std::size_t i = 0; i < node->size() && ok(); ++i) {
    YamlMapping mapping((*node)[i], absl::StrCat(Where(key), "[", i, "]"), error_);
    read(mapping);
    mapping.Finish();
  }
}

bool YamlMapping::ReadScalars(absl::string_view key,
                              const std::function<absl::Status(absl::string_view)>& read) {
  const YAML::Node* node = Take(key);
  if (node == nullptr) return false;
  if (!node->IsSequence()) Fail(*node, key, "must be a list, such as [a, b]");
  for (const YAML::Node& element : *node) {
    if (!ok()) break;
    if (!element.IsScalar()) {
      Fail(element, key, "elements must be single values");
    } else if (absl::Status status = read(element.Scalar()); !status.ok()) {
      Fail(element, key, status.message());
    }
  }
  return true;
}

void YamlMapping::ReadAll(
    const std::function<absl::Status(absl::string_view, absl::string_view)>& read) {
  if (!ok()) return;
  for (const auto& [key, node] : values_) {
    known_.push_back(key);
    if (!node.IsScalar()) return Fail(node, key, "must be a single value");
    if (absl::Status status = read(key, node.Scalar()); !status.ok()) {
      return Fail(node, key, status.message());
    }
  }
}

void YamlMapping::Finish() {
  if (!ok()) return;
  for (const auto& entry : node_) {
    const std::string& key = entry.first.Scalar();
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
      return Fail(entry.first, key,
                  absl::StrCat("unknown key; known here: ", absl::StrJoin(known_, ", ")));
    }
  }
}

void YamlMapping::Fail(absl::string_view key, absl::string_view what) {
  const auto value = values_.find(Text(key));
  Fail(value == values_.end() ? node_ : value->second, key, what);
}

const YAML::Node* YamlMapping::Take(absl::string_view key) {
  known_.push_back(Text(key));
  if (!ok()) return nullptr;
  const auto value = values_.find(Text(key));
  return value == values_.end() ? nullptr : &value->second;
}

void YamlMapping::Fail(const YAML::Node& node, absl::string_view key, absl::string_view what) {
  if (ok()) *error_ = YamlError(node.Mark(), Where(key), what);
}

std::string YamlMapping::Where(absl::string_view key) const {
  return absl::StrCat(path_, path_.empty() || key.empty() ? "" : ".", key);
}

}  // namespace marrow
