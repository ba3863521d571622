// SPDX-License-Identifier: Apache-2.0
// Guest addresses. Distinct types, so that one can neither be dereferenced on the host nor passed
// where the other is meant.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace marrow {

enum class Gpa : std::uint64_t {};  // guest-physical
enum class Gva : std::uint64_t {};  // guest-virtual: needs a page walk first

inline constexpr std::uint64_t kPageBytes = 4096;

constexpr std::uint64_t Raw(Gpa gpa) { return static_cast<std::uint64_t>(gpa); }
constexpr std::uint64_t Raw(Gva gva) { return static_cast<std::uint64_t>(gva); }

constexpr std::uint64_t PageDown(std::uint64_t address) { return address & ~(kPageBytes - 1); }
constexpr Gpa PageOf(Gpa gpa) { return Gpa{PageDown(Raw(gpa))}; }
constexpr Gva PageOf(Gva gva) { return Gva{PageDown(Raw(gva))}; }

// a + b, or nothing where the sum does not fit in 64 bits.
constexpr std::optional<std::uint64_t> CheckedAdd(std::uint64_t a, std::uint64_t b) {
  if (b > std::numeric_limits<std::uint64_t>::max() - a) return std::nullopt;
  return a + b;
}

}  // namespace marrow
