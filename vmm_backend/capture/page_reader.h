// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "vmm_backend/base/page_source.h"
#include "vmm_backend/capture/guest_memory.h"
#include "vmm_backend/core/plan.h"

namespace marrow {

// Pages in chunks that never move.
class PageStore {
 public:
  using Index = std::uint32_t;

  // Room for up to `most` pages in a row, at least one; `count` says how many it became. The next
  // Commit makes the first of them pages of the store.
  MutableBytes Room(std::size_t most, std::size_t& count);
  // Returns the first one's index; further ones follow it.
  Index Commit(std::size_t count);
  Bytes Page(Index index) const;
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kChunkPages = 256;
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::size_t size_ = 0;
};

// Pages as they were at the moment of the capture.
struct CapturedPages {
  std::vector<Gpa> pages;  // sorted, unique
  PageStore store;
  std::vector<PageStore::Index> places;  // in the store, of each of `pages`
  std::vector<Gpa> zero_pages;           // sorted, unique, none of `pages`: they hold only zeros
  std::uint64_t missing_not_listed = 0;  // pages that could not be read and are not told of

  Bytes Page(std::size_t i) const { return store.Page(places[i]); }
  // Among either of both.
  bool Contains(Gpa page) const;
  std::size_t size() const { return pages.size() + zero_pages.size(); }
  // Moves what holds only zeros to `zero_pages`: a core has room for it in its headers.
  void SetZerosApart();
};

// Reads each page of a guest at most once: what a plan looked at is what the core will show. Not
// thread-safe.
class PageReader final : public PageSource {
 public:
  // Page() gives at most `most_ahead` pages; ResourceExhausted from there on. Read() has no such
  // limit.
  PageReader(const GuestMemory& memory, std::uint64_t most_ahead)
      : memory_(memory), most_ahead_(most_ahead) {}

  absl::StatusOr<Bytes> Page(Gpa page) override;

  // The bytes of `pages` (sorted, unique); those not read yet are read now, neighbours in one go. A
  // page that cannot be read is left out and its reason appended to `missing`, neighbours in one
  // entry, and up to `most_missing` of these. Ends the reader.
  CapturedPages Read(const std::vector<Gpa>& pages, std::uint64_t most_missing,
                     std::vector<MissingPart>& missing);

 private:
  // Reads up to `count` pages from `page` on, all or nothing.
  absl::Status ReadRun(Gpa page, std::size_t count, std::size_t& done);
  std::size_t UnreadRun(const std::vector<Gpa>& pages, std::size_t first) const;
  void ReadAhead(const std::vector<Gpa>& pages);

  const GuestMemory& memory_;
  std::uint64_t most_ahead_;
  PageStore store_;
  absl::flat_hash_map<std::uint64_t, PageStore::Index> places_;
  absl::flat_hash_map<std::uint64_t, absl::Status> failed_;
};

}  // namespace marrow
