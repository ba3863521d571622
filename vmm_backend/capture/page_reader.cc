// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/page_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace marrow {
namespace {

// False if `missing` is not to get longer than `most`.
bool MissPage(Gpa page, const absl::Status& status, std::size_t most,
              std::vector<MissingPart>& missing) {
  if (!missing.empty() && missing.back().why == status.message() &&
      missing.back().address + missing.back().bytes == Raw(page)) {
    missing.back().bytes += kPageBytes;
    return true;
  }
  if (missing.size() >= most) return false;
  missing.push_back({.what = "guest memory",
                     .address = Raw(page),
                     .bytes = kPageBytes,
                     .why = std::string(status.message())});
  return true;
}

}  // namespace

MutableBytes PageStore::Room(std::size_t most, std::size_t& count) {
  if (size_ == chunks_.size() * kChunkPages) {
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunkPages * kPageBytes));
  }
  const std::size_t used = size_ % kChunkPages;
  count = std::min(most, kChunkPages - used);
  return {chunks_[size_ / kChunkPages].get() + used * kPageBytes, count * kPageBytes};
}

PageStore::Index PageStore::Commit(std::size_t count) {
  const auto first = static_cast<Index>(size_);
  size_ += count;
  return first;
}

Bytes PageStore::Page(Index index) const {
  return {chunks_[index / kChunkPages].get() + index % kChunkPages * kPageBytes, kPageBytes};
}

bool CapturedPages::Contains(Gpa page) const {
  return std::binary_search(pages.begin(), pages.end(), page) ||
         std::binary_search(zero_pages.begin(), zero_pages.end(), page);
}

void CapturedPages::SetZerosApart() {
  static constexpr std::byte kZeros[kPageBytes] = {};
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    if (std::memcmp(Page(i).data(), kZeros, kPageBytes) == 0) {
      zero_pages.push_back(pages[i]);
    } else {
      pages[kept] = pages[i];
      places[kept++] = places[i];
    }
  }
  pages.resize(kept);
  places.resize(kept);
}

absl::Status PageReader::ReadRun(Gpa page, std::size_t count, std::size_t& done) {
  const MutableBytes room = store_.Room(count, done);
  absl::Status status = memory_.Read(page, room);
  if (!status.ok()) return status;
  const PageStore::Index first = store_.Commit(done);
  for (std::size_t i = 0; i < done; ++i) {
    places_.emplace(Raw(page) + i * kPageBytes, first + static_cast<PageStore::Index>(i));
  }
  return absl::OkStatus();
}

absl::StatusOr<Bytes> PageReader::Page(Gpa page) {
  const auto found = places_.find(Raw(page));
  if (found != places_.end()) return store_.Page(found->second);
  const auto failed = failed_.find(Raw(page));
  if (failed != failed_.end()) return failed->second;
  if (places_.size() + failed_.size() >= most_ahead_) {
    return absl::ResourceExhaustedError("over the limit of pages that one capture looks at");
  }
  std::size_t done = 0;
  if (absl::Status status = ReadRun(page, 1, done); !status.ok()) {
    failed_.emplace(Raw(page), status);
    return status;
  }
  return store_.Page(static_cast<PageStore::Index>(store_.size() - 1));
}

// Length of the run of adjacent pages from pages[first] on that were not asked for yet.
std::size_t PageReader::UnreadRun(const std::vector<Gpa>& pages, std::size_t first) const {
  std::size_t count = 0;
  while (first + count < pages.size() &&
         Raw(pages[first + count]) == Raw(pages[first]) + count * kPageBytes &&
         !places_.contains(Raw(pages[first + count])) &&
         !failed_.contains(Raw(pages[first + count]))) {
    ++count;
  }
  return count;
}

void PageReader::ReadAhead(const std::vector<Gpa>& pages) {
  for (std::size_t i = 0; i < pages.size();) {
    const std::size_t run = UnreadRun(pages, i);
    std::size_t done = 1;
    if (run != 0 && !ReadRun(pages[i], run, done).ok()) {
      // One bad page costs its run a second read, page by page.
      for (std::size_t k = i; k < i + done; ++k) {
        std::size_t one = 0;
        absl::Status status = ReadRun(pages[k], 1, one);
        if (!status.ok()) failed_.emplace(Raw(pages[k]), std::move(status));
      }
    }
    i += done;
  }
}

CapturedPages PageReader::Read(const std::vector<Gpa>& pages, std::uint64_t most_missing,
                               std::vector<MissingPart>& missing) {
  ReadAhead(pages);
  const std::size_t most = missing.size() + most_missing;
  CapturedPages captured;
  captured.pages.reserve(pages.size());
  captured.places.reserve(pages.size());
  for (const Gpa page : pages) {
    const auto place = places_.find(Raw(page));
    if (place == places_.end()) {
      const bool listed = MissPage(page, failed_.at(Raw(page)), most, missing);
      if (!listed) ++captured.missing_not_listed;
      continue;
    }
    captured.pages.push_back(page);
    captured.places.push_back(place->second);
  }
  captured.store = std::move(store_);
  return captured;
}

}  // namespace marrow
