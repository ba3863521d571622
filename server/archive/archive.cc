// SPDX-License-Identifier: Apache-2.0
#include "server/archive/archive.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace marrow {

absl::StatusOr<Sha256Digest> CoreDigest(const v1::Dump& dump) {
  Sha256Digest digest;
  const Bytes bytes = AsBytes(dump.core_sha256());
  if (bytes.size() != digest.size()) {
    return absl::DataLossError(
        absl::StrCat(dump.name(), ": its SHA-256 has ", bytes.size(), " bytes"));
  }
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

// Keeps a blob without a row from being collected while it is written.
class Archive::OnItsWay {
 public:
  OnItsWay(Stripe& stripe, const Sha256Digest& digest) : stripe_(stripe), digest_(digest) {
    const std::lock_guard lock(stripe_.mutex);
    stripe_.on_their_way.insert(digest_);
  }
  OnItsWay(const OnItsWay&) = delete;
  OnItsWay& operator=(const OnItsWay&) = delete;
  ~OnItsWay() {
    const std::lock_guard lock(stripe_.mutex);
    stripe_.on_their_way.erase(stripe_.on_their_way.find(digest_));
  }

 private:
  Stripe& stripe_;
  const Sha256Digest digest_;
};

Archive::Stripe& Archive::StripeOf(const Sha256Digest& digest) {
  return stripes_[std::to_integer<std::size_t>(digest[0]) % stripes_.size()];
}

absl::StatusOr<v1::Dump> Archive::Add(v1::Dump dump, const ByteSource& core) {
  const absl::StatusOr<Sha256Digest> digest = CoreDigest(dump);
  if (!digest.ok()) return digest.status();
  Stripe& stripe = StripeOf(*digest);
  const OnItsWay on_its_way(stripe, *digest);
  const absl::StatusOr<BlobInfo> info = blobs_.Put(*digest, core);
  if (!info.ok()) return info.status();
  dump.set_core_bytes(info->content_bytes);
  dump.set_stored_bytes(info->stored_bytes);
  // A failed insert may have reached the disk all the same: the blob stays until CollectOrphans
  // sees whether there is a row.
  const std::lock_guard lock(stripe.mutex);
  if (absl::Status s = catalog_.Insert(dump); !s.ok()) return s;
  return dump;
}

absl::StatusOr<std::unique_ptr<ByteSource>> Archive::OpenCore(const v1::Dump& dump) {
  const absl::StatusOr<Sha256Digest> digest = CoreDigest(dump);
  if (!digest.ok()) return digest.status();
  auto blob = blobs_.Open(*digest);
  if (!absl::IsNotFound(blob.status())) return blob;
  // Lost, unless the dump was deleted since the caller looked.
  const absl::Status still_there = catalog_.Get(dump.manifest().dump_id()).status();
  return still_there.ok() ? blob.status() : still_there;
}

absl::StatusOr<bool> Archive::RemoveIfOrphan(const Stripe& stripe, const Sha256Digest& digest) {
  if (stripe.on_their_way.contains(digest)) return false;
  const absl::StatusOr<std::uint64_t> references = catalog_.CountBlobReferences(digest);
  if (!references.ok()) return references.status();
  if (*references > 0) return false;
  const absl::Status removed = blobs_.Remove(digest);
  if (absl::IsNotFound(removed)) return false;
  if (!removed.ok()) return removed;
  return true;
}

absl::Status Archive::Delete(absl::string_view dump_id) {
  const absl::StatusOr<v1::Dump> dump = catalog_.Get(dump_id);
  if (!dump.ok()) return dump.status();
  const absl::StatusOr<Sha256Digest> digest = CoreDigest(*dump);
  if (!digest.ok()) return digest.status();
  Stripe& stripe = StripeOf(*digest);
  const std::lock_guard lock(stripe.mutex);
  if (absl::Status s = catalog_.Delete(dump_id); !s.ok()) return s;
  // The dump is deleted whatever comes of this: CollectOrphans tries again.
  (void)RemoveIfOrphan(stripe, *digest);
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> Archive::CollectOrphans() {
  std::uint64_t removed = 0;
  absl::Status status = blobs_.ForEach([&](const Sha256Digest& digest) {
    Stripe& stripe = StripeOf(digest);
    const std::lock_guard lock(stripe.mutex);
    const absl::StatusOr<bool> orphan = RemoveIfOrphan(stripe, digest);
    removed += orphan.ok() && *orphan ? 1 : 0;
    return orphan.status();
  });
  if (!status.ok()) return status;
  return removed;
}

}  // namespace marrow
