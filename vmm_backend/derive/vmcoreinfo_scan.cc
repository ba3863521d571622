// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/vmcoreinfo_scan.h"

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/elfcore/vmcoreinfo.h"

namespace marrow {
namespace {

constexpr absl::string_view kFirstLine = "OSRELEASE=";
constexpr absl::string_view kNoteName("VMCOREINFO\0", 11);
constexpr std::size_t kNoteHeaderBytes = 12;

bool Begins(Bytes page) {
  const absl::string_view text = AsText(page);
  if (absl::StartsWith(text, kFirstLine)) return true;
  return LoadAt<std::uint32_t>(page, 0) == kNoteName.size() &&
         absl::StartsWith(text.substr(kNoteHeaderBytes), kNoteName);
}

// The text is at most a page (VMCOREINFO_BYTES); the note's header pushes its end into the next.
std::string ReadText(const ReadPhysical& read, std::uint64_t gpa) {
  std::string bytes(2 * kPageBytes, '\0');
  const auto out = std::as_writable_bytes(std::span(bytes));
  if (!read(Gpa{gpa}, out).ok() && !read(Gpa{gpa}, out.first(kPageBytes)).ok()) return "";
  return Vmcoreinfo::ParseNoteOrText(AsBytes(bytes)).text().substr(0, kPageBytes);
}

}  // namespace

std::optional<std::string> FindVmcoreinfo(const ReadPhysical& read, const RamMap& ram,
                                          const std::function<bool(const std::string&)>& fits,
                                          const ScanLimits& limits) {
  std::string last;
  std::uint64_t pages = 0;
  std::size_t texts = 0;
  std::array<std::byte, kNoteHeaderBytes + kNoteName.size()> begin;
  for (const GpaRange& range : ram.ranges()) {
    for (std::uint64_t gpa = Raw(range.begin); gpa < range.end(); gpa += kPageBytes) {
      if (pages++ >= limits.pages || texts >= limits.texts) return std::nullopt;
      if (!read(Gpa{gpa}, begin).ok() || !Begins(begin)) continue;
      ++texts;
      std::string text = ReadText(read, gpa);
      if (text.empty() || text == last) continue;
      if (fits(text)) return text;
      last = std::move(text);
    }
  }
  return std::nullopt;
}

}  // namespace marrow
