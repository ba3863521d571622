// SPDX-License-Identifier: Apache-2.0
// The profile language: which parts of the kernel to mark. guest/profiles/README.md specifies it.
// Parsing is pure and knows nothing about any kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/profile/result.h"
#include "marrow/abi.h"

namespace marrow::profile {

// Names of one thing in different kernel versions: the first one that exists counts.
using Alternatives = std::vector<std::string>;

// "a?b?c", as the profile has it.
std::string Join(const Alternatives& names);

enum class DirectiveKind { kSymbol, kSection, kPercpu, kPointer, kPrintkRing, kVmcoreinfo, kIomem };

// A line that gives regions.
struct Directive {
  DirectiveKind kind = DirectiveKind::kSymbol;
  Alternatives names;      // of the symbol, the section's start or the iomem range
  Alternatives end_names;  // kSection only
  std::uint64_t size = 0;  // bytes; 0: up to the next symbol
  marrow_region_class region_class = MARROW_CLASS_KERNEL_DATA;
  bool optional = false;
  std::string place;  // "crash.profile:12"
};

// X.Y of a kernel release.
struct Version {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  auto operator<=>(const Version&) const = default;
};

// For which kernels a line stands: optional and version are said of types, fields and roots alike.
struct Condition {
  bool optional = false;
  std::optional<Version> from;    // this release and later ones
  std::optional<Version> before;  // earlier releases
};

enum class LinkKind {
  kPointer,
  kEmbedded,
  kTable,
  kRing,
  kList,
  kHlist,
  kChain,
  kRbtree,
  kXarray,
  kMaple,
  kPercpu,
  kKernelStack,
  kString,
  kOrc,
};

// How many targets lie in a row.
struct Row {
  std::optional<std::uint32_t> number;   // as the profile says
  Alternatives path;                     // else what this member of the source holds; empty: one
  std::optional<std::uint32_t> maximum;  // of what `path` holds
};

// What a field or a root variable leads to. What the line does not say is empty or 0.
struct Link {
  LinkKind kind = LinkKind::kPointer;
  std::string target;         // a type's name or alias
  Alternatives target_path;   // the member of `target` that the words lead to
  Alternatives sp_path;       // kKernelStack: of the saved stack pointer
  Alternatives entries_path;  // kOrc
  std::uint32_t bytes = 0;    // raw bytes instead of a type; kString: the longest text
  Alternatives bytes_path;    // the member that holds how many raw bytes there are
  bool zeros = false;         // the target's pages need not be captured
  bool if_mapped = false;     // what of the target cannot be read is not reported
  std::int32_t adjust = 0;
  std::uint32_t count = 0;  // words of the field; 0: as the member has elements
  Row row;
  std::uint32_t tag_mask = 0;
  std::uint32_t tag_value = 0;
  std::uint32_t clear_mask = 0;
  std::uint32_t limit = 0;
  std::optional<marrow_region_class> region_class;
};

struct Field {
  Alternatives path;
  Link link;
  Condition condition;
  std::string place;
};

// Blocks of one view are one type: fields add up, and what a later block says of bytes and class
// counts.
struct TypeBlock {
  Alternatives names;  // of the structure
  std::string view;    // what profiles call the type: its alias, or its first name
  bool aliased = false;
  std::optional<std::uint32_t> bytes;
  std::optional<marrow_region_class> region_class;
  Condition condition;
  std::vector<Field> fields;
  std::string place;
};

// With kEmbedded the variable is the target itself. With end_names the targets are not variables,
// but whatever registers and live stacks point to from the symbol up to the end: kEmbedded or
// kString.
struct RootLine {
  Alternatives names;
  Alternatives end_names;
  bool percpu = false;
  Link link;
  Condition condition;
  std::uint16_t priority = 0;
  std::uint32_t max_objects = 0;
  std::uint64_t max_bytes = 0;
  std::string place;
};

// The kernel's own ORC tables.
struct OrcLine {
  Condition condition;
  std::string place;
};

// Code to capture around text addresses.
struct TextRange {
  std::uint32_t before = 0;
  std::uint32_t after = 0;
};

struct Profile {
  std::vector<Directive> directives;
  std::vector<TypeBlock> types;
  std::vector<RootLine> roots;
  std::vector<OrcLine> orcs;
  TextRange text;
};

// The text of another profile by its name.
using FindProfile = std::function<std::optional<std::string_view>(std::string_view name)>;

// The first mistake as "<origin>:<line>: what is wrong, and what is allowed". Includes are taken
// from `find`, each once; theirs is the origin "<name>.profile".
Result<Profile> ParseProfile(std::string_view text, std::string_view origin,
                             const FindProfile& find);
// Includes shipped profiles.
Result<Profile> ParseProfile(std::string_view text, std::string_view origin);

// "kernel-data", "log", ...
const char* ClassName(std::uint16_t region_class);

}  // namespace marrow::profile
