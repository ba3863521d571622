// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/elfcore/core_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "vmm_backend/base/page_walk.h"
#include "vmm_backend/elfcore/elf_format.h"

namespace marrow {
namespace {

absl::Status Invalid(std::string why) { return absl::InvalidArgumentError("core: " + why); }

template <typename Header>
absl::StatusOr<Header> ReadHeader(const ByteSource& source, std::uint64_t offset) {
  Header header;
  absl::Status status = source.ReadAt(offset, std::as_writable_bytes(std::span(&header, 1)));
  if (!status.ok()) return status;
  return header;
}

absl::StatusOr<Elf64_Ehdr> ReadFileHeader(const ByteSource& source) {
  if (source.size() < sizeof(Elf64_Ehdr)) {
    return Invalid(absl::StrFormat("%d bytes are too few for an ELF header", source.size()));
  }
  absl::StatusOr<Elf64_Ehdr> header = ReadHeader<Elf64_Ehdr>(source, 0);
  if (!header.ok()) return header.status();
  if (std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return Invalid("no ELF magic");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_ident[EI_VERSION] != EV_CURRENT) {
    return Invalid("not a little-endian 64-bit ELF of version 1");
  }
  if (header->e_type != ET_CORE) {
    return Invalid(absl::StrFormat("ELF type %d is not ET_CORE", header->e_type));
  }
  if (header->e_phentsize != sizeof(Elf64_Phdr)) {
    return Invalid(absl::StrFormat("program headers of %d bytes", header->e_phentsize));
  }
  return header;
}

absl::StatusOr<std::uint64_t> SegmentCount(const ByteSource& source, const Elf64_Ehdr& header) {
  if (header.e_phnum != kPnXnum) return header.e_phnum;
  if (header.e_shoff > source.size() || source.size() - header.e_shoff < sizeof(Elf64_Shdr)) {
    return Invalid("PN_XNUM without a section header 0 in the file");
  }
  absl::StatusOr<Elf64_Shdr> section = ReadHeader<Elf64_Shdr>(source, header.e_shoff);
  if (!section.ok()) return section.status();
  return section->sh_info;
}

absl::StatusOr<std::vector<Elf64_Phdr>> ReadProgramHeaders(const ByteSource& source,
                                                           const Elf64_Ehdr& header,
                                                           const CoreLimits& limits) {
  const absl::StatusOr<std::uint64_t> count = SegmentCount(source, header);
  if (!count.ok()) return count.status();
  if (*count > limits.segments) {
    return Invalid(absl::StrFormat("%d segments; at most %d are read", *count, limits.segments));
  }
  const std::uint64_t bytes = *count * sizeof(Elf64_Phdr);
  if (header.e_phoff > source.size() || bytes > source.size() - header.e_phoff) {
    return Invalid("program headers lie past the end of the file");
  }
  std::vector<Elf64_Phdr> headers(*count);
  absl::Status status = source.ReadAt(header.e_phoff, std::as_writable_bytes(std::span(headers)));
  if (!status.ok()) return status;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Elf64_Phdr& segment = headers[i];
    if (segment.p_offset > source.size() || segment.p_filesz > source.size() - segment.p_offset) {
      return Invalid(absl::StrFormat("segment %d lies past the end of the file", i));
    }
    if (segment.p_type != PT_LOAD) continue;
    if (segment.p_filesz > segment.p_memsz) {
      return Invalid(absl::StrFormat("segment %d has more bytes in the file than in memory", i));
    }
    if (!CheckedAdd(segment.p_vaddr, segment.p_memsz) ||
        !CheckedAdd(segment.p_paddr, segment.p_memsz)) {
      return Invalid(absl::StrFormat("segment %d wraps around the address space", i));
    }
  }
  return headers;
}

// Takes `count` bytes, padded, off the front of `bytes`; nothing where there are too few.
std::optional<Bytes> TakePadded(Bytes& bytes, std::uint64_t count) {
  if (count > bytes.size()) return std::nullopt;
  const Bytes taken = bytes.first(count);
  bytes = bytes.subspan(std::min<std::uint64_t>(AlignUp(count, kNoteAlign), bytes.size()));
  return taken;
}

absl::Status ParseNotes(Bytes bytes, std::vector<CoreNote>& notes) {
  while (!bytes.empty()) {
    const auto header_bytes = TakePadded(bytes, sizeof(Elf64_Nhdr));
    if (!header_bytes) return Invalid("a note header is cut off");
    const auto header = LoadAt<Elf64_Nhdr>(*header_bytes, 0);
    const auto name = TakePadded(bytes, header.n_namesz);
    const auto descriptor = name ? TakePadded(bytes, header.n_descsz) : std::nullopt;
    if (!descriptor) return Invalid(absl::StrFormat("note %d is cut off", notes.size()));
    const absl::string_view name_text = AsText(*name);
    notes.push_back({.name = std::string(name_text.substr(0, name_text.find('\0'))),
                     .type = header.n_type,
                     .descriptor = std::string(AsText(*descriptor))});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CoreNote>> ReadNotes(const ByteSource& source,
                                                const std::vector<Elf64_Phdr>& headers,
                                                const CoreLimits& limits) {
  std::vector<CoreNote> notes;
  std::uint64_t left = limits.note_bytes;
  for (const Elf64_Phdr& header : headers) {
    if (header.p_type != PT_NOTE) continue;
    if (header.p_filesz > left) {
      return Invalid(absl::StrFormat("more than %d bytes of notes", limits.note_bytes));
    }
    left -= header.p_filesz;
    std::string bytes(header.p_filesz, '\0');
    absl::Status status = source.ReadAt(header.p_offset, std::as_writable_bytes(std::span(bytes)));
    if (status.ok()) status = ParseNotes(AsBytes(bytes), notes);
    if (!status.ok()) return status;
  }
  return notes;
}

}  // namespace

class CoreReader::Words final : public PhysicalWordReader {
 public:
  explicit Words(const CoreReader& core) : core_(core) {}
  absl::StatusOr<std::uint64_t> ReadWord(Gpa gpa) const override {
    std::uint64_t word = 0;
    absl::Status status = core_.ReadPhysical(gpa, std::as_writable_bytes(std::span(&word, 1)));
    if (!status.ok()) return status;
    return word;
  }

 private:
  const CoreReader& core_;
};

absl::StatusOr<CoreReader> CoreReader::Open(const ByteSource& source, CoreLimits limits) {
  const absl::StatusOr<Elf64_Ehdr> header = ReadFileHeader(source);
  if (!header.ok()) return header.status();
  const auto headers = ReadProgramHeaders(source, *header, limits);
  if (!headers.ok()) return headers.status();
  absl::StatusOr<std::vector<CoreNote>> notes = ReadNotes(source, *headers, limits);
  if (!notes.ok()) return notes.status();

  CoreReader core(source);
  core.machine_ = header->e_machine;
  core.notes_ = *std::move(notes);
  for (const Elf64_Phdr& segment : *headers) {
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) continue;
    core.segments_.push_back({.vaddr = Gva{segment.p_vaddr},
                              .paddr = Gpa{segment.p_paddr},
                              .file_offset = segment.p_offset,
                              .file_bytes = segment.p_filesz,
                              .memory_bytes = segment.p_memsz});
  }
  core.by_paddr_ = Extents(core.segments_, &CoreSegment::paddr);
  core.by_vaddr_ = Extents(core.segments_, &CoreSegment::vaddr);
  if (const CoreNote* note = core.FindNote("VMCOREINFO", 0)) {
    core.vmcoreinfo_ = Vmcoreinfo::ParseNoteOrText(AsBytes(note->descriptor));
  }
  return core;
}

const CoreNote* CoreReader::FindNote(absl::string_view name, std::uint32_t type) const {
  const auto found = std::find_if(notes_.begin(), notes_.end(), [&](const CoreNote& note) {
    return note.type == type && note.name == name;
  });
  return found == notes_.end() ? nullptr : &*found;
}

template <typename Address>
std::vector<CoreReader::Extent> CoreReader::Extents(const std::vector<CoreSegment>& segments,
                                                    Address address) {
  std::vector<Extent> sorted;
  sorted.reserve(segments.size());
  for (std::uint32_t i = 0; i < segments.size(); ++i) {
    const std::uint64_t begin = Raw(segments[i].*address);
    sorted.push_back({.begin = begin, .end = begin + segments[i].memory_bytes, .segment = i});
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  std::vector<Extent> extents;
  for (Extent extent : sorted) {
    if (!extents.empty()) extent.begin = std::max(extent.begin, extents.back().end);
    if (extent.begin < extent.end) extents.push_back(extent);
  }
  return extents;
}

const CoreReader::Extent* CoreReader::Find(const std::vector<Extent>& extents,
                                           std::uint64_t address) {
  const auto after = std::upper_bound(
      extents.begin(), extents.end(), address,
      [](std::uint64_t value, const Extent& extent) { return value < extent.begin; });
  if (after == extents.begin() || std::prev(after)->end <= address) return nullptr;
  return &*std::prev(after);
}

absl::Status CoreReader::ReadSegment(const CoreSegment& segment, std::uint64_t offset,
                                     MutableBytes out) const {
  const std::uint64_t in_file =
      offset >= segment.file_bytes
          ? 0
          : std::min<std::uint64_t>(out.size(), segment.file_bytes - offset);
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(in_file), out.end(), std::byte{0});
  if (in_file == 0) return absl::OkStatus();
  return source_->ReadAt(segment.file_offset + offset, out.first(in_file));
}

absl::Status CoreReader::ReadPhysical(Gpa gpa, MutableBytes out) const {
  std::uint64_t address = Raw(gpa);
  while (!out.empty()) {
    const Extent* extent = Find(by_paddr_, address);
    if (extent == nullptr) {
      return absl::NotFoundError(absl::StrFormat("gpa %#x is not in the core", address));
    }
    const CoreSegment& segment = segments_[extent->segment];
    const std::uint64_t count = std::min<std::uint64_t>(out.size(), extent->end - address);
    absl::Status status = ReadSegment(segment, address - Raw(segment.paddr), out.first(count));
    if (!status.ok()) return status;
    out = out.subspan(count);
    address += count;
  }
  return absl::OkStatus();
}

absl::Status CoreReader::ReadVirtual(Gva gva, MutableBytes out) const {
  std::uint64_t address = Raw(gva);
  while (!out.empty()) {
    std::uint64_t count = 0;
    absl::Status status;
    if (const Extent* extent = Find(by_vaddr_, address)) {
      const CoreSegment& segment = segments_[extent->segment];
      count = std::min<std::uint64_t>(out.size(), extent->end - address);
      status = ReadSegment(segment, address - Raw(segment.vaddr), out.first(count));
    } else {
      const absl::StatusOr<Gpa> gpa = TranslateByTables(Gva{address});
      if (!gpa.ok()) return gpa.status();
      count = std::min<std::uint64_t>(out.size(), kPageBytes - address % kPageBytes);
      status = ReadPhysical(*gpa, out.first(count));
    }
    if (!status.ok()) return status;
    out = out.subspan(count);
    address += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<Gpa> CoreReader::TranslateByTables(Gva gva) const {
  const auto missing = [gva](absl::string_view why) {
    return absl::NotFoundError(absl::StrFormat("gva %#x is not in the core (%s)", Raw(gva), why));
  };
  const auto root = vmcoreinfo_.Symbol("swapper_pg_dir");
  const auto phys_base = vmcoreinfo_.Number("phys_base");
  if (machine_ != EM_X86_64 || !root || !phys_base) return missing("no page table root");
  constexpr std::uint64_t kKernelMap = 0xffff'ffff'8000'0000;  // __START_KERNEL_map
  const PageTableRoot tables{
      .table = Gpa{*root - kKernelMap + static_cast<std::uint64_t>(*phys_base)},
      .levels = vmcoreinfo_.Number("pgtable_l5_enabled").value_or(0) == 1 ? 5 : 4};
  const absl::StatusOr<Translation> translation = Translate(Words(*this), tables, gva);
  if (!translation.ok()) return missing(translation.status().message());
  return translation->gpa;
}

}  // namespace marrow
