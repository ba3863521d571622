// SPDX-License-Identifier: Apache-2.0
// A window in plain memory, formatted as a host does it, and an independent check of what the
// library left there.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "marrow/guest.h"

namespace marrow::guest {

class WindowFixture : public testing::Test {
 protected:
  static constexpr size_t kBytes = 4096;

  WindowFixture() : memory_(kBytes / 64) { Format(); }

  void Format(uint8_t nonce = 1) {
    std::memset(base(), 0, kBytes);
    header().host.magic = MARROW_HOST_MAGIC;
    header().host.version_major = MARROW_VERSION_MAJOR;
    header().host.version_minor = MARROW_VERSION_MINOR;
    header().host.header_bytes = MARROW_HEADER_BYTES;
    header().host.window_bytes = kBytes;
    header().host.nonce[0] = nonce;
  }

  unsigned char* base() { return memory_.data()->bytes; }
  marrow_window_header& header() { return *reinterpret_cast<marrow_window_header*>(base()); }
  marrow_region& region(uint32_t index) {
    return reinterpret_cast<marrow_region*>(base() + MARROW_HEADER_BYTES)[index];
  }

  // Bit by bit, so that it shares nothing with the library's table.
  uint32_t ExpectedCrc() {
    uint32_t crc = ~0u;
    const auto add = [&crc](const unsigned char* bytes, size_t size) {
      for (size_t i = 0; i < size; ++i) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
      }
    };
    add(base() + offsetof(marrow_window_header, facts), sizeof(marrow_facts));
    add(base() + header().table.table_offset, header().table.region_count * sizeof(marrow_region));
    add(base() + header().table.graph_offset, header().table.graph_bytes);
    return ~crc;
  }

  void ExpectSoundTable() {
    EXPECT_EQ(header().table.sequence % 2, 0u);
    EXPECT_EQ(header().table.crc32c, ExpectedCrc());
    EXPECT_EQ(header().table.table_offset, MARROW_HEADER_BYTES);
    const uint32_t graph_bytes = header().table.graph_bytes;
    EXPECT_EQ(header().table.region_capacity,
              (kBytes - MARROW_HEADER_BYTES - graph_bytes) / sizeof(marrow_region));
    EXPECT_EQ(header().table.graph_offset, graph_bytes == 0 ? 0 : kBytes - graph_bytes);
    EXPECT_LE(header().table.region_count, header().table.region_capacity);
  }

  Window Attached() {
    Window window;
    EXPECT_EQ(window.Attach(base(), kBytes), Error::kNone);
    return window;
  }

  Window Claimed(uint8_t boot = 1) {
    Window window = Attached();
    EXPECT_EQ(window.Claim(Boot(boot)), Error::kNone);
    return window;
  }

  static Identity Boot(uint8_t boot) {
    Identity identity{};
    identity.boot_id[0] = boot;
    identity.boot_id[15] = 0xfe;
    identity.writer = MARROW_WRITER_BARE;
    return identity;
  }

  static Region At(uint64_t id, uint64_t address = 0x1000, uint64_t size = 8,
                   const char* name = "name") {
    return {id, address, size, MARROW_ADDRESS_GPA, MARROW_CLASS_KERNEL_DATA, name};
  }

  static std::string Text(const char* field, size_t size) {
    return std::string(field, strnlen(field, size));
  }

 private:
  struct alignas(64) Line {
    unsigned char bytes[64];
  };
  std::vector<Line> memory_;
};

}  // namespace marrow::guest
