// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/ulid.h"

#include <algorithm>
#include <cstdint>

namespace marrow {
namespace {

constexpr absl::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::size_t kTimeCharacters = 10;
constexpr std::size_t kCharacters = 26;

}  // namespace

std::string MakeUlid(absl::Time time, const std::array<std::byte, 10>& random) {
  std::string id(kCharacters, '0');
  auto millis = static_cast<std::uint64_t>(std::max<std::int64_t>(absl::ToUnixMillis(time), 0));
  for (std::size_t i = kTimeCharacters; i-- > 0; millis >>= 5) id[i] = kAlphabet[millis & 31];

  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  std::size_t out = kTimeCharacters;
  for (std::byte byte : random) {
    pending = (pending << 8) | static_cast<std::uint32_t>(byte);
    pending_bits += 8;
    while (pending_bits >= 5) {
      pending_bits -= 5;
      id[out++] = kAlphabet[(pending >> pending_bits) & 31];
    }
  }
  return id;
}

bool IsUlid(absl::string_view text) {
  return text.size() == kCharacters && text[0] <= '7' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return kAlphabet.find(c) != absl::string_view::npos; });
}

}  // namespace marrow
