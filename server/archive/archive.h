// SPDX-License-Identifier: Apache-2.0
// Dumps as a whole: the catalog row and the blob it refers to. A row never refers to a blob that is
// not there; a blob that no row refers to is a leftover and is collected.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "marrow/v1/dump.pb.h"
#include "server/blobs/blob_store.h"
#include "server/catalog/catalog.h"

namespace marrow {

// Thread-safe. The only one in this process that adds or removes dumps or blobs.
class Archive {
 public:
  // Both must outlive the archive.
  Archive(Catalog& catalog, BlobStore& blobs) : catalog_(catalog), blobs_(blobs) {}

  // Stores the core, then the row: the row is the commit point. Returns the dump as stored, with
  // stored_bytes. Durable when it returns. DataLoss, with nothing stored, if the core does not have
  // dump.core_sha256; AlreadyExists if the id is taken.
  absl::StatusOr<v1::Dump> Add(v1::Dump dump, const ByteSource& core);

  absl::StatusOr<v1::Dump> Get(absl::string_view dump_id) { return catalog_.Get(dump_id); }
  absl::StatusOr<DumpPage> List(const ListQuery& query) { return catalog_.List(query); }

  // The dump's core, uncompressed. Stays readable if the dump is deleted meanwhile. NotFound: with
  // reason DUMP_NOT_FOUND if the dump is gone, without a reason if only its blob is.
  absl::StatusOr<std::unique_ptr<ByteSource>> OpenCore(const v1::Dump& dump);

  // The dump is gone, durably, when it returns OK. Its blob goes too unless others share it.
  absl::Status Delete(absl::string_view dump_id);

  // Removes blobs without a row and returns how many. Safe beside everything else.
  absl::StatusOr<std::uint64_t> CollectOrphans();

 private:
  // Rows and the removal of the blobs they refer to change under one of these, chosen by digest.
  // Blobs are written outside: that takes long. Those that are on their way are not orphans.
  struct Stripe {
    std::mutex mutex;
    std::multiset<Sha256Digest> on_their_way;
  };
  class OnItsWay;

  Stripe& StripeOf(const Sha256Digest& digest);
  // True if there was a blob to remove. Needs the mutex of `stripe`, the digest's.
  absl::StatusOr<bool> RemoveIfOrphan(const Stripe& stripe, const Sha256Digest& digest);

  Catalog& catalog_;
  BlobStore& blobs_;
  std::array<Stripe, 64> stripes_;
};

// dump.core_sha256 as a digest; DataLoss unless it has 32 bytes.
absl::StatusOr<Sha256Digest> CoreDigest(const v1::Dump& dump);

}  // namespace marrow
