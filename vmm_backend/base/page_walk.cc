// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/base/page_walk.h"

#include "absl/strings/str_format.h"

namespace marrow {
namespace {

constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLargePage = std::uint64_t{1} << 7;
constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
constexpr int kIndexBits = 9;
constexpr int kPageShift = 12;

bool IsCanonical(std::uint64_t address, int levels) {
  const int unused_bits = 64 - (kPageShift + kIndexBits * levels);
  const auto sign_extended =
      static_cast<std::uint64_t>(static_cast<std::int64_t>(address << unused_bits) >> unused_bits);
  return sign_extended == address;
}

}  // namespace

absl::StatusOr<Translation> Translate(const PhysicalWordReader& memory, PageTableRoot root,
                                      Gva gva) {
  const std::uint64_t address = Raw(gva);
  if (root.levels != 4 && root.levels != 5) {
    return absl::InvalidArgumentError(
        absl::StrFormat("page tables have %d levels; x86-64 has 4 or 5", root.levels));
  }
  if (!IsCanonical(address, root.levels)) {
    return absl::OutOfRangeError(absl::StrFormat("gva %#x is not canonical", address));
  }
  Translation result;
  std::uint64_t table = Raw(root.table) & kAddressMask;
  for (int level = root.levels; level >= 1; --level) {
    const int shift = kPageShift + kIndexBits * (level - 1);
    const std::uint64_t index = (address >> shift) & ((1u << kIndexBits) - 1);
    result.table_pages[static_cast<std::size_t>(result.table_count++)] = Gpa{table};
    const absl::StatusOr<std::uint64_t> entry = memory.ReadWord(Gpa{table + index * 8});
    if (!entry.ok()) return entry.status();
    if ((*entry & kPresent) == 0) {
      return absl::NotFoundError(
          absl::StrFormat("gva %#x is not mapped (level %d entry %#x)", address, level, *entry));
    }
    // Bit 7 ends the walk at level 1 (PAT there), 2 (2 MiB) and 3 (1 GiB); above it is reserved.
    if (level == 1 || (level <= 3 && (*entry & kLargePage) != 0)) {
      result.leaf_bytes = std::uint64_t{1} << shift;
      const std::uint64_t base = *entry & kAddressMask & ~(result.leaf_bytes - 1);
      result.gpa = Gpa{base | (address & (result.leaf_bytes - 1))};
      return result;
    }
    table = *entry & kAddressMask;
  }
  return absl::InternalError("page walk ran past its last level");
}

}  // namespace marrow
