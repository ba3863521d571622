// SPDX-License-Identifier: Apache-2.0
// Strict reading of YAML mappings: every key is asked for once, and what nobody asked for is an
// error.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace marrow {

// "line L, column C: <where>: <what>".
absl::Status YamlError(const YAML::Mark& mark, absl::string_view where, absl::string_view what);

// One mapping. The first error is kept in `*error`, shared by all mappings of a document; after it
// nothing is read any more. May throw YAML::Exception.
class YamlMapping {
 public:
  // `path` names the mapping in errors: "spool", "vms[0]"; "" is the document.
  YamlMapping(const YAML::Node& node, std::string path, absl::Status* error);

  // Sets `*out` to the parsed scalar; leaves it alone where the key is absent.
  template <typename T>
  void Read(absl::string_view key, absl::StatusOr<T> (*parse)(absl::string_view), T* out) {
    const YAML::Node* node = Take(key);
    if (node == nullptr) return;
    if (!node->IsScalar()) return Fail(*node, key, "must be a single value");
    absl::StatusOr<T> value = parse(node->Scalar());
    if (value.ok()) {
      *out = *std::move(value);
    } else {
      Fail(*node, key, value.status().message());
    }
  }
  // An error where the key is absent.
  void Require(absl::string_view key);
  // Calls `read` with the mapping under `key`, where there is one.
  void ReadMapping(absl::string_view key, const std::function<void(YamlMapping&)>& read);
  // Calls `read` with each mapping of the sequence under `key`.
  void ReadMappings(absl::string_view key, const std::function<void(YamlMapping&)>& read);
  // Calls `read` with each scalar of the sequence under `key`; its error is reported there. False
  // where the key is absent.
  bool ReadScalars(absl::string_view key,
                   const std::function<absl::Status(absl::string_view)>& read);
  // All keys with scalar values, for mappings whose keys are free.
  void ReadAll(const std::function<absl::Status(absl::string_view, absl::string_view)>& read);
  // Reports keys that were not asked for.
  void Finish();

  // Records an error at the value of `key`, or at the mapping where the key is absent or "".
  void Fail(absl::string_view key, absl::string_view what);
  bool ok() const { return error_->ok(); }

 private:
  const YAML::Node* Take(absl::string_view key);
  void Fail(const YAML::Node& node, absl::string_view key, absl::string_view what);
  std::string Where(absl::string_view key) const;

  YAML::Node node_;
  std::string path_;
  absl::Status* error_;
  std::map<std::string, YAML::Node, std::less<>> values_;
  std::vector<std::string> known_;
};

}  // namespace marrow
