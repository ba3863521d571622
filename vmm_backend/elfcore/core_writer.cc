// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/elfcore/core_writer.h"

#include <algorithm>
#include <cstring>

#include "vmm_backend/elfcore/elf_format.h"

namespace marrow {
namespace {

// SAFETY: ELF headers are trivially copyable and stored as the host, little-endian, holds them.
template <typename Header>
absl::Status WriteHeader(const Header& header, ByteSink& sink) {
  return sink.Write(std::as_bytes(std::span(&header, 1)));
}

Elf64_Ehdr FileHeader(const CoreLayout& layout) {
  const bool extended = layout.segment_count >= kPnXnum;
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_CORE;
  header.e_machine = layout.machine;
  header.e_version = EV_CURRENT;
  header.e_phoff = sizeof(Elf64_Ehdr) + (extended ? sizeof(Elf64_Shdr) : 0);
  header.e_shoff = extended ? sizeof(Elf64_Ehdr) : 0;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = static_cast<Elf64_Half>(std::min(layout.segment_count, kPnXnum));
  header.e_shentsize = extended ? sizeof(Elf64_Shdr) : 0;
  header.e_shnum = extended ? 1 : 0;
  return header;
}

absl::Status WriteHeaders(const CoreLayout& layout, ByteSink& sink) {
  absl::Status status = WriteHeader(FileHeader(layout), sink);
  if (status.ok() && layout.segment_count >= kPnXnum) {
    Elf64_Shdr section{};
    section.sh_info = static_cast<Elf64_Word>(layout.segment_count);
    status = WriteHeader(section, sink);
  }
  if (!status.ok()) return status;

  Elf64_Phdr note{};
  note.p_type = PT_NOTE;
  note.p_offset = layout.notes_offset;
  note.p_filesz = layout.notes.size();
  status = WriteHeader(note, sink);
  for (const CoreSegment& segment : layout.segments) {
    if (!status.ok()) return status;
    Elf64_Phdr load{};
    load.p_type = PT_LOAD;
    load.p_flags = PF_R | PF_W | PF_X;  // gdb looks for code only where X is set
    load.p_offset = segment.file_offset;
    load.p_vaddr = Raw(segment.vaddr);
    load.p_paddr = Raw(segment.paddr);
    load.p_filesz = segment.file_bytes;
    load.p_memsz = segment.memory_bytes;
    status = WriteHeader(load, sink);
  }
  return status;
}

}  // namespace

absl::Status WriteCore(const CoreLayout& layout, const PageBytes& page_bytes, ByteSink& sink) {
  absl::Status status = WriteHeaders(layout, sink);
  if (status.ok()) status = sink.Write(AsBytes(layout.notes));
  if (!status.ok()) return status;
  const std::string padding(layout.pages_offset - layout.notes_offset - layout.notes.size(), '\0');
  status = sink.Write(AsBytes(padding));
  for (std::size_t i = 0; i < layout.pages.size(); ++i) {
    if (!status.ok()) return status;
    status = sink.Write(page_bytes(i));
  }
  return status;
}

}  // namespace marrow
