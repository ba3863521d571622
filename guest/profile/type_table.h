// SPDX-License-Identifier: Apache-2.0
// The graph's types while it is compiled: made on demand, each once for each class.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "guest/profile/compile.h"

namespace marrow::profile {

// Whether a line stands for this kernel, and where to tell what it gave.
class LineReporter {
 public:
  LineReporter(const KernelView& view, Compilation* out);

  // Reports the line as skipped if it is of another version.
  bool Applies(const Condition& condition, const std::string& place, const std::string& what);
  // Under missing, or under skipped if optional; the same thing once.
  void Report(const std::string& place, const std::string& what, bool optional);

 private:
  std::optional<Version> release_;
  std::set<std::string> told_;
  Compilation* out_;
};

// A type of the graph, whose edges may still be on their way.
struct TypeDraft {
  marrow_type type{};
  std::vector<marrow_edge> edges = {};
  std::string structure = {};  // that members are looked up in; "": it has none
  std::vector<const Field*> fields = {};
};

// What a line asks of the type it leads to.
struct TypeRequest {
  std::string name = {};
  std::uint16_t source_class = MARROW_CLASS_KERNEL_DATA;
  std::optional<marrow_region_class> region_class = {};  // as the line says
  std::uint16_t flags = 0;                               // as in marrow_type
};

class TypeTable {
 public:
  TypeTable(const Profile& profile, const KernelTypes& types, LineReporter* reporter);

  // The type of that name: as its blocks say, else the structure as a whole. The edges of a new one
  // are still to be made. Nothing, reported once, if nothing is known of its layout.
  std::optional<std::uint32_t> Request(const TypeRequest& request, const std::string& place,
                                       bool optional);
  // `bytes` raw bytes; `flags` as in marrow_type.
  std::uint32_t Raw(std::uint32_t bytes, std::uint16_t region_class, std::uint16_t flags);

  // A type that the compiler makes up, by a key of its own. Nothing if there is none yet.
  std::optional<std::uint32_t> Find(const std::string& key) const;
  std::uint32_t Add(const std::string& key, TypeDraft draft);

  std::size_t size() const { return drafts_.size(); }
  TypeDraft& operator[](std::uint32_t index) { return drafts_[index]; }
  const std::vector<TypeDraft>& drafts() const { return drafts_; }

 private:
  // All blocks of one view that stand for this kernel.
  struct View {
    std::string structure;
    std::optional<std::uint32_t> bytes;
    marrow_region_class region_class = MARROW_CLASS_KERNEL_DATA;
    std::vector<const Field*> fields;
    bool known = false;  // something of its layout is
    std::string place;
    bool optional = false;
    bool other_version = false;  // all blocks are
  };

  void AddBlock(const TypeBlock& block);
  const View* FindView(const std::string& name) const;

  const KernelTypes& types_;
  LineReporter* reporter_;
  std::map<std::string, View> views_;
  std::map<std::string, std::string> view_of_name_;
  std::map<std::string, std::uint32_t> by_key_;
  std::set<std::string> unknown_;  // names that were reported
  std::vector<TypeDraft> drafts_;
};

// `name` cut down to what marrow_type.name holds: "xa_node<very_long_na~>".
void SetName(const std::string& name, char (&out)[MARROW_NAME_BYTES]);

}  // namespace marrow::profile
