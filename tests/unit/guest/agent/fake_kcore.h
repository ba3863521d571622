// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <elf.h>

#include <cstring>
#include <string>

#include "tests/unit/guest/profile/fake_kernel.h"

namespace marrow::agent {

using namespace profile;  // NOLINT(google-build-using-namespace): what the fakes are made of

inline std::size_t FakeKcoreNoteBytes(const std::string& vmcoreinfo) {
  return sizeof(Elf64_Nhdr) + 12 + (vmcoreinfo.size() + 3) / 4 * 4;
}

inline std::size_t FakeKcoreNotesEnd(const std::string& file) {
  Elf64_Phdr note;
  std::memcpy(&note, file.data() + sizeof(Elf64_Ehdr), sizeof(note));
  return note.p_offset + note.p_filesz;
}

// A file shaped like /proc/kcore: the VMCOREINFO note; `memory` at kImage, gpa 0x1000000; a vmalloc
// range without physical address or bytes.
inline std::string FakeKcore(const std::string& vmcoreinfo, const std::string& memory) {
  Elf64_Ehdr elf{};
  std::memcpy(elf.e_ident, ELFMAG, SELFMAG);
  elf.e_ident[EI_CLASS] = ELFCLASS64;
  elf.e_ident[EI_DATA] = ELFDATA2LSB;
  elf.e_type = ET_CORE;
  elf.e_phoff = sizeof(elf);
  elf.e_phentsize = sizeof(Elf64_Phdr);
  elf.e_phnum = 3;
  Elf64_Phdr segments[3] = {};
  segments[0].p_type = PT_NOTE;
  segments[0].p_offset = sizeof(elf) + sizeof(segments);
  segments[0].p_filesz = FakeKcoreNoteBytes(vmcoreinfo);
  segments[1].p_type = PT_LOAD;
  segments[1].p_vaddr = kImage;
  segments[1].p_paddr = 0x1000000;
  segments[1].p_offset = segments[0].p_offset + segments[0].p_filesz;
  segments[1].p_memsz = segments[1].p_filesz = memory.size();
  segments[2].p_type = PT_LOAD;
  segments[2].p_vaddr = kVmalloc;
  segments[2].p_paddr = UINT64_MAX;
  segments[2].p_offset = segments[1].p_offset + memory.size();
  segments[2].p_memsz = segments[2].p_filesz = 1 << 20;
  const Elf64_Nhdr note{11, static_cast<Elf64_Word>(vmcoreinfo.size()), 0};
  std::string file(segments[1].p_offset, '\0');
  std::memcpy(file.data(), &elf, sizeof(elf));
  std::memcpy(file.data() + sizeof(elf), segments, sizeof(segments));
  char* notes = file.data() + segments[0].p_offset;
  std::memcpy(notes, &note, sizeof(note));
  std::memcpy(notes + sizeof(note), "VMCOREINFO", 11);
  std::memcpy(notes + sizeof(note) + 12, vmcoreinfo.data(), vmcoreinfo.size());
  return file + memory;
}

}  // namespace marrow::agent
