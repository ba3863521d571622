// SPDX-License-Identifier: Apache-2.0
// Immutable byte strings under the SHA-256 of their content. How they are compressed and where they
// lie is the implementation's business; callers see the content only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/base/sha256.h"

namespace marrow {

struct BlobInfo {
  std::uint64_t content_bytes = 0;
  std::uint64_t stored_bytes = 0;  // after compression
};

// Thread-safe, except that Remove must not overlap a Put of the same digest.
class BlobStore {
 public:
  virtual ~BlobStore() = default;

  // Stores `content` and returns when it is durable. DataLoss, with nothing stored, if its SHA-256
  // is not `digest`. A blob that is there already is read in full: it is left as it is if it is
  // sound and replaced if not, so that what is acknowledged can be read.
  virtual absl::StatusOr<BlobInfo> Put(const Sha256Digest& digest, const ByteSource& content) = 0;

  // NotFound if there is none, DataLoss if what is stored is damaged. The source stays readable
  // after the blob is removed; reads of damaged parts are DataLoss.
  virtual absl::StatusOr<std::unique_ptr<ByteSource>> Open(const Sha256Digest& digest) = 0;

  virtual absl::StatusOr<BlobInfo> Stat(const Sha256Digest& digest) = 0;

  // NotFound if there is none.
  virtual absl::Status Remove(const Sha256Digest& digest) = 0;

  // Calls `visit` for every blob, in no order that means anything, until it returns an error, which
  // is returned. `visit` may remove the blob.
  virtual absl::Status ForEach(const std::function<absl::Status(const Sha256Digest&)>& visit) = 0;
};

}  // namespace marrow
