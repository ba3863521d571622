// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/elfcore/prstatus.h"

#include "vmm_backend/base/bytes.h"

namespace marrow {
namespace {

constexpr std::size_t kPrstatusBytes = 336;
constexpr std::size_t kPidOffset = 32;
constexpr std::size_t kRegistersOffset = 112;

// QEMUCPUState: version and size; 18 general registers; 10 segments of 24 bytes; cr0 to cr4.
constexpr std::size_t kQemuVersionOffset = 0;
constexpr std::size_t kQemuSizeOffset = 4;
constexpr std::size_t kQemuCr3Offset = 8 + 18 * 8 + 10 * 24 + 3 * 8;
constexpr std::size_t kQemuCr4Offset = kQemuCr3Offset + 8;
constexpr std::uint32_t kQemuVersion = 1;

}  // namespace

CoreNote EncodePrstatus(std::uint32_t index, const X86Registers& registers) {
  CoreNote note{.name = std::string(kCoreNoteName),
                .type = kNtPrstatus,
                .descriptor = std::string(kPrstatusBytes, '\0')};
  const auto bytes = std::as_writable_bytes(std::span(note.descriptor));
  StoreAt(bytes, kPidOffset, index + 1);
  StoreAt(bytes, kRegistersOffset, registers);
  return note;
}

std::optional<X86Registers> DecodePrstatus(absl::string_view descriptor) {
  if (descriptor.size() != kPrstatusBytes) return std::nullopt;
  return LoadAt<X86Registers>(AsBytes(descriptor), kRegistersOffset);
}

std::optional<PagingRegisters> PagingFromQemuNote(absl::string_view descriptor) {
  const Bytes bytes = AsBytes(descriptor);
  if (bytes.size() < kQemuCr4Offset + 8 ||
      LoadAt<std::uint32_t>(bytes, kQemuVersionOffset) != kQemuVersion ||
      LoadAt<std::uint32_t>(bytes, kQemuSizeOffset) > bytes.size()) {
    return std::nullopt;
  }
  return PagingRegisters{.cr3 = LoadAt<std::uint64_t>(bytes, kQemuCr3Offset),
                         .cr4 = LoadAt<std::uint64_t>(bytes, kQemuCr4Offset)};
}

}  // namespace marrow
