// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <fstream>
#include <string>

#include "marrow/abi.h"

namespace marrow::agent {

// The content of a window file that a host has just formatted.
inline std::string FakeWindow(std::size_t bytes = 65536, std::uint8_t nonce = 1) {
  marrow_window_header header{};
  header.host.magic = MARROW_HOST_MAGIC;
  header.host.version_major = MARROW_VERSION_MAJOR;
  header.host.header_bytes = MARROW_HEADER_BYTES;
  header.host.window_bytes = bytes;
  header.host.nonce[0] = nonce;
  std::string content(bytes, '\0');
  std::memcpy(content.data(), &header, sizeof(header));
  return content;
}

inline marrow_window_header ReadWindow(const std::string& path) {
  marrow_window_header header{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(&header), sizeof(header));
  return header;
}

}  // namespace marrow::agent
