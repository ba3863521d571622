// SPDX-License-Identifier: Apache-2.0
// The profile language: which parts of the kernel to mark. guest/profiles/README.md specifies it.
// Parsing is pure and knows nothing about any kernel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "guest/profile/result.h"
#include "marrow/abi.h"

namespace marrow::profile {

enum class DirectiveKind { kSymbol, kSection, kPercpu, kPointer, kPrintkRing, kVmcoreinfo, kIomem };

// Names of one thing in different kernel versions: the first one that exists counts.
using Alternatives = std::vector<std::string>;

struct Directive {
  DirectiveKind kind = DirectiveKind::kSymbol;
  Alternatives names;      // of the symbol, the section's start or the iomem range
  Alternatives end_names;  // kSection only
  std::uint64_t size = 0;  // bytes; 0: up to the next symbol
  marrow_region_class region_class = MARROW_CLASS_KERNEL_DATA;
  bool optional = false;
  int line = 0;
};

struct Profile {
  std::vector<Directive> directives;
};

// The first mistake as "<origin>:<line>: what is wrong".
Result<Profile> ParseProfile(std::string_view text, std::string_view origin);

// "kernel-data", "log", ...
const char* ClassName(std::uint16_t region_class);

}  // namespace marrow::profile
