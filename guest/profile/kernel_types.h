// SPDX-License-Identifier: Apache-2.0
// What the compiler asks about a kernel's structures: an interface, so that a profile can be tested
// without a kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace marrow::profile {

// A member of a structure, or one inside its members: "fs.users", "arch.num_orcs". Members of
// anonymous structures and unions are found by their own names, as in C.
struct Member {
  std::uint64_t offset = 0;  // bytes from the structure's start
  std::uint64_t bytes = 0;   // of one element
  std::uint64_t count = 1;   // elements of an array; 0 for a flexible array
  bool pointer = false;      // its elements are pointers
  std::string type;          // the structure or union that it is or points to; "" for anything else
};

class KernelTypes {
 public:
  virtual ~KernelTypes() = default;
  // Size in bytes of a structure or union. Of several with one name, the kernel's own first.
  virtual std::optional<std::uint64_t> SizeOf(std::string_view type) const = 0;
  // Nothing if there is no such member, or if it is a bit-field.
  virtual std::optional<Member> Find(std::string_view type, std::string_view path) const = 0;
};

// A kernel that tells nothing of its types (no BTF).
class NoTypes final : public KernelTypes {
 public:
  std::optional<std::uint64_t> SizeOf(std::string_view) const override { return std::nullopt; }
  std::optional<Member> Find(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
};

}  // namespace marrow::profile
