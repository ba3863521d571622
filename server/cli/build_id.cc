// SPDX-License-Identifier: Apache-2.0
#include "server/cli/build_id.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "vmm_backend/base/sha256.h"

namespace marrow::cli {
namespace {

constexpr std::uint64_t kMaxNoteBytes = 1 << 20;

template <typename T>
absl::StatusOr<T> ReadStruct(const ByteSource& file, std::uint64_t offset) {
  T value;
  absl::Status s = file.ReadAt(offset, std::as_writable_bytes(std::span(&value, 1)));
  if (!s.ok()) return absl::InvalidArgumentError("not an ELF64 file, or cut short");
  return value;
}

// The descriptor of the note in `notes`, or "" if it is not there.
std::string FindBuildId(Bytes notes) {
  const auto aligned = [](std::uint64_t bytes) { return (bytes + 3) / 4 * 4; };
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    const auto header = LoadAt<Elf64_Nhdr>(notes, 0);
    const std::uint64_t name_at = sizeof(header);
    const std::uint64_t desc_at = name_at + aligned(header.n_namesz);
    const std::uint64_t end = desc_at + aligned(header.n_descsz);
    if (desc_at + header.n_descsz > notes.size()) break;
    const bool gnu = header.n_namesz == sizeof(ELF_NOTE_GNU) &&
                     std::memcmp(notes.data() + name_at, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0;
    if (gnu && header.n_type == NT_GNU_BUILD_ID) {
      return Hex(notes.subspan(desc_at, header.n_descsz));
    }
    notes = notes.subspan(std::min<std::uint64_t>(end, notes.size()));
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> ReadBuildId(const ByteSource& elf) {
  const auto header = ReadStruct<Elf64_Ehdr>(elf, 0);
  if (!header.ok()) return header.status();
  const bool supported = std::memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
                         header->e_ident[EI_CLASS] == ELFCLASS64 &&
                         header->e_ident[EI_DATA] == ELFDATA2LSB &&
                         header->e_phentsize == sizeof(Elf64_Phdr);
  if (!supported) return absl::InvalidArgumentError("not a little-endian ELF64 file with segments");
  for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto segment = ReadStruct<Elf64_Phdr>(elf, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!segment.ok()) return segment.status();
    if (segment->p_type != PT_NOTE) continue;
    std::vector<std::byte> notes(std::min<std::uint64_t>(segment->p_filesz, kMaxNoteBytes));
    if (!elf.ReadAt(segment->p_offset, notes).ok()) {
      return absl::InvalidArgumentError("the notes lie outside the file");
    }
    std::string id = FindBuildId(notes);
    if (!id.empty()) return id;
  }
  return absl::NotFoundError("it has no build-id");
}

}  // namespace marrow::cli
