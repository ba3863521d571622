// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/crc32c.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace marrow {
namespace {

constexpr std::uint32_t kReflectedPolynomial = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> MakeTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) ? kReflectedPolynomial : 0);
    }
    table[i] = value;
  }
  return table;
}

std::uint32_t UpdatePortable(std::uint32_t state, Bytes bytes) {
  static constexpr auto kTable = MakeTable();
  for (std::byte byte : bytes) {
    state = kTable[(state ^ static_cast<std::uint32_t>(byte)) & 0xff] ^ (state >> 8);
  }
  return state;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t UpdateSse42(std::uint32_t state, Bytes bytes) {
  std::uint64_t wide = state;
  while (bytes.size() >= sizeof(std::uint64_t)) {
    wide = _mm_crc32_u64(wide, LoadAt<std::uint64_t>(bytes, 0));
    bytes = bytes.subspan(sizeof(std::uint64_t));
  }
  state = static_cast<std::uint32_t>(wide);
  for (std::byte byte : bytes) state = _mm_crc32_u8(state, static_cast<std::uint8_t>(byte));
  return state;
}
#endif

}  // namespace

std::uint32_t Crc32c(Bytes bytes, std::uint32_t crc) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~UpdateSse42(~crc, bytes);
#endif
  return ~UpdatePortable(~crc, bytes);
}

}  // namespace marrow
