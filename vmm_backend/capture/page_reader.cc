// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/page_reader.h"

#include <algorithm>
#include <utility>

namespace marrow {
namespace {

// A read of this many pages at most, so that one bad page costs few repeated reads.
constexpr std::size_t kRunPages = 256;

// Length of the run of adjacent pages that starts at pages[first].
std::size_t RunLength(const std::vector<Gpa>& pages, std::size_t first) {
  std::size_t count = 1;
  while (first + count < pages.size() && count < kRunPages &&
         Raw(pages[first + count]) == Raw(pages[first]) + count * kPageBytes) {
    ++count;
  }
  return count;
}

void MissPage(Gpa page, const absl::Status& status, std::vector<MissingPart>& missing) {
  if (!missing.empty() && missing.back().why == status.message() &&
      missing.back().address + missing.back().bytes == Raw(page)) {
    missing.back().bytes += kPageBytes;
    return;
  }
  missing.push_back({.what = "guest memory",
                     .address = Raw(page),
                     .bytes = kPageBytes,
                     .why = std::string(status.message())});
}

}  // namespace

absl::StatusOr<std::uint64_t> TableWords::ReadWord(Gpa gpa) const {
  const Gpa page = PageOf(gpa);
  auto found = pages_.find(Raw(page));
  if (found == pages_.end()) {
    std::string bytes(kPageBytes, '\0');
    absl::Status status = memory_.Read(page, std::as_writable_bytes(std::span(bytes)));
    if (!status.ok()) return status;
    found = pages_.emplace(Raw(page), std::move(bytes)).first;
  }
  return LoadAt<std::uint64_t>(AsBytes(found->second), Raw(gpa) % kPageBytes);
}

bool CapturedPages::Contains(Gpa page) const {
  return std::binary_search(pages.begin(), pages.end(), page);
}

CapturedPages ReadPages(const GuestMemory& memory, const std::vector<Gpa>& pages,
                        std::vector<MissingPart>& missing) {
  CapturedPages captured;
  captured.pages.reserve(pages.size());
  captured.bytes.resize(pages.size() * kPageBytes);
  const auto out = std::as_writable_bytes(std::span(captured.bytes));
  for (std::size_t i = 0; i < pages.size();) {
    const std::size_t run = RunLength(pages, i);
    const auto at = [&] { return captured.pages.size() * kPageBytes; };
    if (memory.Read(pages[i], out.subspan(at(), run * kPageBytes)).ok()) {
      captured.pages.insert(captured.pages.end(), pages.begin() + static_cast<std::ptrdiff_t>(i),
                            pages.begin() + static_cast<std::ptrdiff_t>(i + run));
    } else {
      for (std::size_t k = i; k < i + run; ++k) {
        const absl::Status status = memory.Read(pages[k], out.subspan(at(), kPageBytes));
        if (status.ok()) {
          captured.pages.push_back(pages[k]);
        } else {
          MissPage(pages[k], status, missing);
        }
      }
    }
    i += run;
  }
  captured.bytes.resize(captured.pages.size() * kPageBytes);
  return captured;
}

}  // namespace marrow
