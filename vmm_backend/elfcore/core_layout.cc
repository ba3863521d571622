// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_format.h"
#include "vmm_backend/elfcore/core_writer.h"
#include "vmm_backend/elfcore/elf_format.h"

namespace marrow {
namespace {

absl::Status CheckPages(const std::vector<Gpa>& pages) {
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (Raw(pages[i]) % kPageBytes != 0) {
      return absl::InvalidArgumentError(
          absl::StrFormat("page %d at gpa %#x is not page-aligned", i, Raw(pages[i])));
    }
    if (!CheckedAdd(Raw(pages[i]), kPageBytes)) {
      return absl::InvalidArgumentError(
          absl::StrFormat("page %d at gpa %#x ends past the address space", i, Raw(pages[i])));
    }
    if (i > 0 && pages[i - 1] >= pages[i]) {
      return absl::InvalidArgumentError(absl::StrFormat("page %d at gpa %#x does not follow %#x", i,
                                                        Raw(pages[i]), Raw(pages[i - 1])));
    }
  }
  return absl::OkStatus();
}

void AppendPadded(std::string& out, absl::string_view bytes) {
  out.append(bytes.data(), bytes.size());
  out.resize(AlignUp(out.size(), kNoteAlign), '\0');
}

absl::StatusOr<std::string> EncodeNotes(const std::vector<CoreNote>& notes) {
  std::string out;
  for (const CoreNote& note : notes) {
    constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (note.name.size() >= kMost || note.descriptor.size() > kMost) {
      return absl::InvalidArgumentError(
          absl::StrFormat("note type %d does not fit its 32-bit lengths", note.type));
    }
    Elf64_Nhdr header{};
    header.n_namesz = static_cast<std::uint32_t>(note.name.size() + 1);
    header.n_descsz = static_cast<std::uint32_t>(note.descriptor.size());
    header.n_type = note.type;
    // SAFETY: a trivially copyable header, viewed as the bytes it is stored as.
    out.append(reinterpret_cast<const char*>(&header), sizeof(header));
    AppendPadded(out, absl::string_view(note.name.c_str(), note.name.size() + 1));
    AppendPadded(out, note.descriptor);
  }
  return out;
}

// Both lists by address. InvalidArgument if a page is in both.
struct Page {
  Gpa gpa{};
  bool in_file = false;
};
absl::StatusOr<std::vector<Page>> MergePages(const std::vector<Gpa>& pages,
                                             const std::vector<Gpa>& zero_pages) {
  std::vector<Page> merged;
  merged.reserve(pages.size() + zero_pages.size());
  for (const Gpa page : pages) merged.push_back({.gpa = page, .in_file = true});
  for (const Gpa page : zero_pages) merged.push_back({.gpa = page, .in_file = false});
  std::inplace_merge(merged.begin(), merged.begin() + static_cast<std::ptrdiff_t>(pages.size()),
                     merged.end(), [](const Page& a, const Page& b) { return a.gpa < b.gpa; });
  const auto twice = std::adjacent_find(
      merged.begin(), merged.end(), [](const Page& a, const Page& b) { return a.gpa == b.gpa; });
  if (twice != merged.end()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the page at gpa %#x is to be there and to be zero", Raw(twice->gpa)));
  }
  return merged;
}

std::uint64_t EndOf(const CoreSegment& run) { return Raw(run.paddr) + run.memory_bytes; }
bool IsZero(const CoreSegment& run) { return run.file_bytes == 0; }

// Runs of adjacent pages of one kind, each under its direct-map address. File offsets count from
// the first page.
std::vector<CoreSegment> PageRuns(const std::vector<Page>& pages, std::uint64_t direct_map) {
  std::vector<CoreSegment> runs;
  std::uint64_t offset = 0;
  for (const Page& page : pages) {
    const bool adjacent =
        !runs.empty() && EndOf(runs.back()) == Raw(page.gpa) && IsZero(runs.back()) != page.in_file;
    if (!adjacent) {
      runs.push_back(
          {.vaddr = Gva{direct_map + Raw(page.gpa)}, .paddr = page.gpa, .file_offset = offset});
    }
    runs.back().memory_bytes += kPageBytes;
    if (!page.in_file) continue;
    runs.back().file_bytes += kPageBytes;
    offset += kPageBytes;
  }
  return runs;
}

// A direct map of which not all addresses can be is none.
std::uint64_t PossibleDirectMap(std::uint64_t direct_map, const std::vector<Page>& pages) {
  if (pages.empty()) return direct_map;
  return CheckedAdd(direct_map, Raw(pages.back().gpa) + kPageBytes) ? direct_map : 0;
}

// The parts of `alias` whose pages are there, appended to `out` while it has fewer than `most`.
// Returns how many did not fit.
std::uint64_t AppendAlias(const VirtualAlias& alias, const std::vector<CoreSegment>& runs,
                          std::uint64_t most, std::vector<CoreSegment>& out) {
  const std::uint64_t begin = Raw(alias.gpa);
  const auto end = CheckedAdd(begin, alias.bytes);
  if (!end || !CheckedAdd(Raw(alias.gva), alias.bytes)) return 0;
  auto run = std::partition_point(runs.begin(), runs.end(), [begin](const CoreSegment& r) {
    return Raw(r.paddr) + (r.memory_bytes - 1) < begin;
  });
  const auto behind = std::partition_point(
      run, runs.end(), [&](const CoreSegment& r) { return Raw(r.paddr) < *end; });
  for (; run != behind && out.size() < most; ++run) {
    const std::uint64_t first = std::max(begin, Raw(run->paddr));
    const std::uint64_t last = std::min(*end - 1, Raw(run->paddr) + (run->memory_bytes - 1));
    const std::uint64_t bytes = last - first + 1;
    out.push_back({.vaddr = Gva{Raw(alias.gva) + (first - begin)},
                   .paddr = Gpa{first},
                   .file_offset = run->file_offset + (IsZero(*run) ? 0 : first - Raw(run->paddr)),
                   .file_bytes = IsZero(*run) ? 0 : bytes,
                   .memory_bytes = bytes});
  }
  return static_cast<std::uint64_t>(behind - run);
}

// True if `next` shows what is behind the bytes of `segment`, at the addresses behind its own.
bool Continues(const CoreSegment& segment, const CoreSegment& next) {
  return Raw(segment.vaddr) + segment.memory_bytes == Raw(next.vaddr) &&
         EndOf(segment) == Raw(next.paddr) && IsZero(segment) == IsZero(next) &&
         (IsZero(segment) || segment.file_offset + segment.file_bytes == next.file_offset);
}

// Without its first `bytes`, fewer than it has.
CoreSegment Tail(const CoreSegment& segment, std::uint64_t bytes) {
  const std::uint64_t in_file = IsZero(segment) ? 0 : bytes;
  return {.vaddr = Gva{Raw(segment.vaddr) + bytes},
          .paddr = Gpa{Raw(segment.paddr) + bytes},
          .file_offset = segment.file_offset + in_file,
          .file_bytes = segment.file_bytes - in_file,
          .memory_bytes = segment.memory_bytes - bytes};
}

// Sorted by gva; neighbours joined; of several claims to one gva the first stays. What the direct
// map shows already needs no alias. Not more than `most` of them; adds to `left_out` the others.
std::vector<CoreSegment> AliasSegments(const CoreContent& content,
                                       const std::vector<CoreSegment>& runs,
                                       std::uint64_t direct_map, std::uint64_t most,
                                       std::uint64_t& left_out) {
  std::vector<CoreSegment> parts;
  for (const VirtualAlias& alias : content.aliases) {
    if (Raw(alias.gva) - direct_map == Raw(alias.gpa)) continue;
    left_out += AppendAlias(alias, runs, most, parts);
  }
  std::stable_sort(parts.begin(), parts.end(),
                   [](const CoreSegment& a, const CoreSegment& b) { return a.vaddr < b.vaddr; });
  std::vector<CoreSegment> out;
  for (CoreSegment part : parts) {
    if (!out.empty()) {
      const std::uint64_t taken = Raw(out.back().vaddr) + (out.back().memory_bytes - 1);
      if (Raw(part.vaddr) <= taken) {
        const std::uint64_t overlap = taken - Raw(part.vaddr) + 1;
        if (overlap >= part.memory_bytes) continue;
        part = Tail(part, overlap);
      }
      if (Continues(out.back(), part)) {
        out.back().file_bytes += part.file_bytes;
        out.back().memory_bytes += part.memory_bytes;
        continue;
      }
    }
    out.push_back(part);
  }
  return out;
}

}  // namespace

absl::StatusOr<CoreLayout> LayOutCore(CoreContent content) {
  for (const auto* pages : {&content.pages, &content.zero_pages}) {
    if (absl::Status status = CheckPages(*pages); !status.ok()) return status;
  }
  const absl::StatusOr<std::vector<Page>> pages = MergePages(content.pages, content.zero_pages);
  if (!pages.ok()) return pages.status();
  absl::StatusOr<std::string> notes = EncodeNotes(content.notes);
  if (!notes.ok()) return notes.status();

  CoreLayout layout;
  layout.machine = content.machine;
  layout.notes = *std::move(notes);
  const std::uint64_t direct_map = PossibleDirectMap(content.direct_map, *pages);
  layout.segments = PageRuns(*pages, direct_map);
  const std::uint64_t taken = layout.segments.size() + 1;
  const std::uint64_t room = content.most_segments - std::min(content.most_segments, taken);
  const std::vector<CoreSegment> aliases =
      AliasSegments(content, layout.segments, direct_map, room, layout.alias_parts_left_out);
  layout.segments.insert(layout.segments.end(), aliases.begin(), aliases.end());
  layout.segment_count = layout.segments.size() + 1;

  const std::uint64_t section_bytes =
      layout.segment_count >= kPnXnum ? sizeof(Elf64_Shdr) : std::uint64_t{0};
  layout.notes_offset =
      sizeof(Elf64_Ehdr) + section_bytes + layout.segment_count * sizeof(Elf64_Phdr);
  layout.pages_offset = AlignUp(layout.notes_offset + layout.notes.size(), kPageBytes);
  for (CoreSegment& segment : layout.segments) segment.file_offset += layout.pages_offset;
  layout.pages = std::move(content.pages);
  layout.file_bytes = layout.pages_offset + layout.pages.size() * kPageBytes;
  return layout;
}

}  // namespace marrow
