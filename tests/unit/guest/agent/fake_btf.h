// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace marrow::agent {

// struct node { u64 pid; struct node *next; }: 16 bytes, as /sys/kernel/btf/vmlinux would hold it.
inline std::string FakeBtf() {
  using namespace std::string_literals;  // NOLINT(google-build-using-namespace): zeros in text
  constexpr std::uint32_t kInt = 1 << 24;
  constexpr std::uint32_t kPointer = 2 << 24;
  constexpr std::uint32_t kStruct = 4 << 24;
  const std::string names = "\0u64\0node\0pid\0next\0"s;
  const std::vector<std::uint32_t> types = {
      1,  kInt,        8,  64,  // 1: u64, 64 bits
      5,  kStruct | 2, 16,      // 2: node, two members
      10, 1,           0,       // pid, at bit 0
      14, 3,           64,      // next, at bit 64
      0,  kPointer,    2,       // 3: to node
  };
  const auto type_bytes = static_cast<std::uint32_t>(types.size() * sizeof(types[0]));
  // Magic and version, header bytes, then offset and size of types and names behind the header.
  const std::vector<std::uint32_t> header = {
      0x0001eb9f, 24, 0, type_bytes, type_bytes, static_cast<std::uint32_t>(names.size())};
  std::string btf(reinterpret_cast<const char*>(header.data()), 24);
  btf.append(reinterpret_cast<const char*>(types.data()), type_bytes);
  return btf + names;
}

}  // namespace marrow::agent
