// SPDX-License-Identifier: Apache-2.0
#include "guest/lib/crc32c.h"

namespace marrow::guest {
namespace {

struct Table {
  uint32_t entry[256];
};

constexpr Table MakeTable() {
  Table table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) {
      remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? 0x82f63b78u : 0);
    }
    table.entry[byte] = remainder;
  }
  return table;
}

constexpr Table kTable = MakeTable();

}  // namespace

uint32_t Crc32cWord(uint32_t crc, uint64_t word) {
  crc = ~crc;
  for (int byte = 0; byte < 8; ++byte, word >>= 8) {
    crc = (crc >> 8) ^ kTable.entry[(crc ^ word) & 0xff];
  }
  return ~crc;
}

}  // namespace marrow::guest
