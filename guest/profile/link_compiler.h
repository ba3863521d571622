// SPDX-License-Identifier: Apache-2.0
// What one field or root variable leads to, as edges.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/profile/kernel_types.h"
#include "guest/profile/profile.h"
#include "guest/profile/result.h"
#include "guest/profile/type_table.h"

namespace marrow::profile {

// The field's words in the source object, and what the kernel's types say of them.
struct FieldWords {
  std::string name = {};  // for messages
  std::uint64_t offset = 0;
  std::uint64_t bytes = sizeof(std::uint64_t);  // of one element, and from one to the next
  std::uint64_t count = 1;
  bool pointer = false;
  std::string structure = {};  // that an element is or points to
};

struct EdgeSource {
  std::uint32_t type = 0;
  std::string structure = {};  // that `elements PATH` and its like are members of
  std::uint16_t region_class = MARROW_CLASS_KERNEL_DATA;
};

// The edges of a line; a failure without a message has been reported already.
using Edges = Result<std::vector<marrow_edge>>;

// What the line says of the type it leads to, as marrow_type.flags.
std::uint16_t TargetFlags(const Link& link);

// Types are made in `table` as they are needed.
class LinkCompiler {
 public:
  LinkCompiler(const KernelTypes& types, bool percpu, TypeTable* table)
      : types_(types), percpu_(percpu), table_(table) {}

  // `place` and `optional` are those of the line, for the report of a type that is not known.
  Edges Compile(const Link& link, const FieldWords& words, const EdgeSource& source,
                const std::string& place, bool optional);

  // The first of `paths` that `structure` has.
  Result<Member> FindMember(const std::string& structure, const Alternatives& paths) const;

 private:
  struct Line {
    const Link& link;
    const FieldWords& words;
    const EdgeSource& source;
    const std::string& place;
    bool optional;
  };
  // The target's type, and where its member that the words lead to lies in it.
  struct Target {
    std::uint32_t type = 0;
    std::string name = {};
    std::int32_t offset = 0;
  };

  static marrow_edge NewEdge(const Line& line, marrow_edge_kind kind);
  static std::uint16_t TargetClass(const Line& line);
  Result<Target> FindTarget(const Line& line);
  // Fills elements from the line's row.
  Result<bool> SetRow(const Line& line, marrow_edge* edge) const;

  Edges Pointer(const Line& line, marrow_edge_kind kind);
  Edges Embedded(const Line& line);
  Edges Table(const Line& line);
  Edges Ring(const Line& line);
  Edges List(const Line& line);
  Edges KernelStack(const Line& line);
  Edges String(const Line& line);
  Edges Orc(const Line& line);
  // compile_trees.cc
  Edges Rbtree(const Line& line);
  Edges Xarray(const Line& line);
  Edges Maple(const Line& line);
  Result<std::uint32_t> XarrayNode(const Line& line, const Target& target);
  Result<std::vector<std::uint32_t>> MapleNodes(const Line& line, const Target& target);

  const KernelTypes& types_;
  bool percpu_;
  TypeTable* table_;
};

}  // namespace marrow::profile
