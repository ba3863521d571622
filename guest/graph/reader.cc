// SPDX-License-Identifier: Apache-2.0
#include "guest/graph/reader.h"

#include <cstring>

namespace marrow::graph {

Reader::Entry& Reader::Find(std::uint64_t page) {
  // Stacks and slabs lie at large powers of two: their higher bits take part.
  const std::uint64_t number = page / kPage;
  Entry& entry = entries_[(number ^ (number >> 10) ^ (number >> 20)) % entries_.size()];
  if (entry.page != page) entry = {.page = page};
  return entry;
}

const PageView& Reader::Look(std::uint64_t page) {
  Entry& entry = Find(page);
  if (!entry.looked) {
    entry.view = space_.Look(page);
    entry.looked = true;
  }
  return entry.view;
}

std::optional<std::uint64_t> Reader::Number(std::uint64_t address, std::uint32_t width) {
  const std::uint64_t offset = address % kPage;
  std::uint64_t value = 0;
  if (width == 8 && offset <= kPage - 8) {
    const PageView& view = Look(address - offset);
    if (!view.bytes.empty()) {
      std::memcpy(&value, view.bytes.data() + offset, 8);
      return value;
    }
  }
  std::uint64_t done = 0;
  while (done < width) {
    const PageView& view = Look(PageDown(address + done));
    if (view.bytes.empty()) {
      why_ = view.why;
      return std::nullopt;
    }
    const std::uint64_t at = done == 0 ? offset : 0;
    const std::uint64_t count = width - done < kPage - at ? width - done : kPage - at;
    // SAFETY: bytes of a trivially copyable number, at most `width` <= 8 of them; hosts and guests
    // are little-endian.
    std::memcpy(reinterpret_cast<unsigned char*>(&value) + done, view.bytes.data() + at, count);
    done += count;
  }
  return value;
}

Space::Kept Reader::Keep(std::uint64_t page) {
  Entry& entry = Find(page);
  if (entry.kept) return Space::Kept::kAlready;
  const Space::Kept kept = space_.Keep(page);
  entry.kept = kept != Space::Kept::kNo;
  return kept;
}

}  // namespace marrow::graph
