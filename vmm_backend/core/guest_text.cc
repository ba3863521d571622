// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/guest_text.h"

#include <cstddef>

namespace marrow {
namespace {

// Length of the well-formed UTF-8 sequence (Unicode 15, table 3-7) at the start of `text`, or 0.
std::size_t SequenceLength(absl::string_view text) {
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return at(i) >= low && at(i) <= high;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = continues(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = continues(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

bool IsControl(absl::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  const bool c1 =
      sequence.size() == 2 && first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
  return (sequence.size() == 1 && (first < 0x20 || first == 0x7f)) || c1;
}

}  // namespace

std::string GuestText(absl::string_view raw) {
  raw = raw.substr(0, raw.find('\0'));
  std::string out;
  while (!raw.empty()) {
    const std::size_t length = SequenceLength(raw);
    if (length == 0) {
      out += '?';
      raw.remove_prefix(1);
      continue;
    }
    const absl::string_view sequence = raw.substr(0, length);
    if (IsControl(sequence)) {
      out += '?';
    } else {
      out.append(sequence.data(), sequence.size());
    }
    raw.remove_prefix(length);
  }
  return out;
}

}  // namespace marrow
