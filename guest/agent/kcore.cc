// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/kcore.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace marrow::agent {

using profile::Failure;
namespace {

// More than any kernel writes: a few dozen segments and notes of some 10 KB.
constexpr std::size_t kMaxHeaderBytes = 1 << 20;

// The T at `offset`, if it lies within the bytes.
template <typename T>
bool LoadAt(std::span<const std::byte> bytes, std::uint64_t offset, T* out) {
  if (offset > bytes.size() || sizeof(T) > bytes.size() - offset) return false;
  std::memcpy(out, bytes.data() + offset, sizeof(T));
  return true;
}

std::uint64_t Align4(std::uint64_t value) { return (value + 3) & ~std::uint64_t{3}; }

// The descriptor of the note named VMCOREINFO, or "".
std::string FindVmcoreinfo(std::span<const std::byte> notes) {
  Elf64_Nhdr header;
  for (std::uint64_t at = 0; LoadAt(notes, at, &header);) {
    const std::uint64_t name = at + sizeof(header);
    const std::uint64_t descriptor = name + Align4(header.n_namesz);
    const std::uint64_t end = descriptor + header.n_descsz;
    if (end > notes.size()) return "";
    constexpr std::string_view kName("VMCOREINFO", sizeof("VMCOREINFO"));
    if (header.n_namesz == kName.size() &&
        std::memcmp(notes.data() + name, kName.data(), kName.size()) == 0) {
      // SAFETY: char may alias any object; [descriptor, end) lies within the notes.
      return std::string(reinterpret_cast<const char*>(notes.data() + descriptor), header.n_descsz);
    }
    at = Align4(end);
  }
  return "";
}

// All that is there, up to `limit` bytes.
std::vector<std::byte> ReadStart(int fd, std::size_t limit) {
  std::vector<std::byte> bytes(limit);
  std::size_t filled = 0;
  while (filled < limit) {
    const ssize_t got =
        pread(fd, bytes.data() + filled, limit - filled, static_cast<off_t>(filled));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

Result<KcoreHeader> ParseKcoreHeader(std::span<const std::byte> start) {
  Elf64_Ehdr elf;
  if (!LoadAt(start, 0, &elf) || std::memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 ||
      elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB ||
      elf.e_type != ET_CORE || elf.e_phentsize != sizeof(Elf64_Phdr)) {
    return Failure{"not a little-endian ELF64 core file"};
  }
  KcoreHeader header;
  for (std::uint64_t i = 0; i < elf.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (elf.e_phoff > start.size() || !LoadAt(start, elf.e_phoff + i * sizeof(segment), &segment)) {
      return Failure{"its program headers are cut off"};
    }
    if (segment.p_type == PT_LOAD) {
      header.segments.push_back(
          {segment.p_vaddr, segment.p_paddr, segment.p_memsz, segment.p_offset});
    } else if (segment.p_type == PT_NOTE && header.vmcoreinfo.empty()) {
      if (segment.p_offset > start.size() || segment.p_filesz > start.size() - segment.p_offset) {
        return Failure{"its notes are cut off"};
      }
      header.vmcoreinfo = FindVmcoreinfo(start.subspan(segment.p_offset, segment.p_filesz));
    }
  }
  return header;
}

Kcore::Kcore(UniqueFd file, KcoreHeader header)
    : file_(std::move(file)), header_(std::move(header)) {}

Result<std::unique_ptr<Kcore>> Kcore::Open(const std::string& path) {
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return Failure{path + ": " + std::strerror(errno)};
  // The kernel serves headers and notes in one page-aligned block, and memory only behind it.
  auto start = ReadStart(file.get(), 4096);
  Elf64_Phdr notes;
  if (LoadAt(std::span<const std::byte>(start), sizeof(Elf64_Ehdr), &notes) &&
      notes.p_type == PT_NOTE && notes.p_offset + notes.p_filesz > start.size() &&
      notes.p_offset < kMaxHeaderBytes && notes.p_filesz < kMaxHeaderBytes) {
    start = ReadStart(file.get(), notes.p_offset + notes.p_filesz);
  }
  auto header = ParseKcoreHeader(start);
  if (!header.ok()) return Failure{path + ": " + header.error()};
  return std::unique_ptr<Kcore>(new Kcore(std::move(file), std::move(*header)));
}

bool Kcore::Read(std::uint64_t gva, std::span<std::byte> out) const {
  for (const KcoreSegment& segment : header_.segments) {
    if (gva < segment.gva || gva - segment.gva >= segment.bytes ||
        out.size() > segment.bytes - (gva - segment.gva)) {
      continue;
    }
    std::size_t filled = 0;
    while (filled < out.size()) {
      const ssize_t got =
          pread(file_.get(), out.data() + filled, out.size() - filled,
                static_cast<off_t>(segment.file_offset + (gva - segment.gva) + filled));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      filled += static_cast<std::size_t>(got);
    }
    return true;
  }
  return false;
}

std::vector<LinearRange> Kcore::LinearRanges() const {
  std::vector<LinearRange> ranges;
  for (const KcoreSegment& segment : header_.segments) {
    // Before Linux 4.11 every p_paddr is 0; no kernel image or usable RAM starts there.
    if (segment.gpa != kNoGpa && segment.gpa != 0 && segment.bytes != 0 &&
        segment.bytes <= ~segment.gva) {
      ranges.push_back({segment.gva, segment.gpa, segment.bytes});
    }
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const LinearRange& a, const LinearRange& b) { return a.gva < b.gva; });
  return ranges;
}

}  // namespace marrow::agent
