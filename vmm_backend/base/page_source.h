// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/statusor.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/base/page_walk.h"

namespace marrow {

// Guest-physical pages, each read at most once: whoever asks again sees the same bytes.
class PageSource {
 public:
  virtual ~PageSource() = default;
  // The kPageBytes bytes at `page`, a page's address; valid as long as the source. Fails for good
  // if the page is not RAM or cannot be read.
  virtual absl::StatusOr<Bytes> Page(Gpa page) = 0;
};

// The words of a page source, for page walks. `pages` must outlive it.
class PageWords final : public PhysicalWordReader {
 public:
  explicit PageWords(PageSource& pages) : pages_(pages) {}
  absl::StatusOr<std::uint64_t> ReadWord(Gpa gpa) const override {
    absl::StatusOr<Bytes> page = pages_.Page(PageOf(gpa));
    if (!page.ok()) return page.status();
    return LoadAt<std::uint64_t>(*page, Raw(gpa) % kPageBytes);
  }

 private:
  PageSource& pages_;
};

}  // namespace marrow
