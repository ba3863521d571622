// SPDX-License-Identifier: Apache-2.0
// Kernels whose structures are a few lines of a test.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "guest/profile/kernel_types.h"

namespace marrow::profile {

class FakeTypes final : public KernelTypes {
 public:
  // Members by their whole path: "arch.num_orcs".
  FakeTypes& Struct(const std::string& name, std::uint64_t bytes,
                    std::map<std::string, Member> members = {}) {
    structures_[name] = {bytes, std::move(members)};
    return *this;
  }

  std::optional<std::uint64_t> SizeOf(std::string_view type) const override {
    const auto found = structures_.find(std::string(type));
    if (found == structures_.end()) return std::nullopt;
    return found->second.bytes;
  }
  std::optional<Member> Find(std::string_view type, std::string_view path) const override {
    const auto found = structures_.find(std::string(type));
    if (found == structures_.end()) return std::nullopt;
    const auto member = found->second.members.find(std::string(path));
    if (member == found->second.members.end()) return std::nullopt;
    return member->second;
  }

 private:
  struct Structure {
    std::uint64_t bytes = 0;
    std::map<std::string, Member> members;
  };
  std::map<std::string, Structure> structures_;
};

inline Member PointerTo(const std::string& type, std::uint64_t offset, std::uint64_t count = 1) {
  return {offset, 8, count, true, type};
}
inline Member StructAt(const std::string& type, std::uint64_t offset, std::uint64_t bytes,
                       std::uint64_t count = 1) {
  return {offset, bytes, count, false, type};
}
inline Member NumberAt(std::uint64_t offset, std::uint64_t bytes, std::uint64_t count = 1) {
  return {offset, bytes, count, false, ""};
}

}  // namespace marrow::profile
