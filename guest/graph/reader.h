// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "guest/graph/walk.h"

namespace marrow::graph {

inline constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t PageDown(std::uint64_t address) { return address & ~(kPage - 1); }

// Where to look after the word at `at`: in the next page, if nothing of this one can be read. It
// may have wrapped.
constexpr std::uint64_t BehindWord(std::uint64_t at, bool readable) {
  return readable ? at + 8 : PageDown(at) + kPage;
}

// Numbers in a Space, through the pages looked at last.
class Reader {
 public:
  explicit Reader(Space& space) : space_(space) {}

  // Little-endian, of 1, 2, 4 or 8 bytes, at any alignment. Nothing: why() says why.
  std::optional<std::uint64_t> Number(std::uint64_t address, std::uint32_t width);
  std::optional<std::uint64_t> Word(std::uint64_t address) { return Number(address, 8); }
  const PageView& Look(std::uint64_t page);
  std::string_view why() const { return why_; }

  // As the Space's, which is asked only if the page is not known to be kept.
  Space::Kept Keep(std::uint64_t page);
  bool IsKnownKept(std::uint64_t page) { return Find(page).kept; }

 private:
  struct Entry {
    std::uint64_t page = 1;  // not a page's address
    bool kept = false;
    bool looked = false;
    PageView view = {};
  };
  Entry& Find(std::uint64_t page);

  Space& space_;
  std::string_view why_;
  std::array<Entry, 1024> entries_;
};

}  // namespace marrow::graph
