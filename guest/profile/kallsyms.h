// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace marrow::profile {

// The symbols of /proc/kallsyms: "ffffffff81000000 T _text", modules' ones with "\t[module]"
// behind. Of a name that occurs more than once the first counts, which prefers the kernel to its
// modules.
class Kallsyms {
 public:
  Kallsyms() = default;
  class Builder;

  // Lines of another form are skipped.
  static Kallsyms Parse(std::string text);

  std::optional<std::uint64_t> Find(std::string_view name) const;
  // The lowest symbol address above `address`.
  std::optional<std::uint64_t> NextAfter(std::uint64_t address) const;

  bool empty() const { return by_name_.empty(); }
  std::size_t size() const { return by_name_.size(); }  // distinct names
  // Names without addresses: what a reader without the privilege sees (kptr_restrict).
  bool restricted() const { return !by_name_.empty() && addresses_.empty(); }

 private:
  using Named = std::pair<std::string_view, std::uint64_t>;

  // Of a name that occurs more than once the first stays.
  void Sort();

  // The names are views of it: shared, so that copies keep them valid.
  std::shared_ptr<const std::string> text_;
  // Sorted, and not hashed: a guest may choose names that all have one hash.
  std::vector<Named> by_name_;
  std::vector<std::uint64_t> addresses_;  // sorted, unique, not 0
};

// The same from symbols that are at hand one by one.
class Kallsyms::Builder {
 public:
  void Add(std::string_view name, std::uint64_t address);
  Kallsyms Build() &&;

 private:
  struct Entry {
    std::size_t name_end = 0;  // in names_; it begins where the one before ends
    std::uint64_t address = 0;
  };
  std::string names_;
  std::vector<Entry> entries_;
};

}  // namespace marrow::profile
