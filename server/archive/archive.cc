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

std::mutex& Archive::MutexOf(const Sha256Digest& digest) {
  return mutexes_[std::to_integer<std::size_t>(digest[0]) % mutexes_.size()];
}

absl::StatusOr<v1::Dump> Archive::Add(v1::Dump dump, const ByteSource& core) {
  const absl::StatusOr<Sha256Digest> digest = CoreDigest(dump);
  if (!digest.ok()) return digest.status();
  const std::lock_guard lock(MutexOf(*digest));
  const absl::StatusOr<BlobInfo> info = blobs_.Put(*digest, core);
  if (!info.ok()) return info.status();
  dump.set_core_bytes(info->content_bytes);
  dump.set_stored_bytes(info->stored_bytes);
  // A failed insert may have reached the disk all the same: the blob stays until CollectOrphans
  // sees whether there is a row.
  if (absl::Status s = catalog_.Insert(dump); !s.ok()) return s;
  return dump;
}

absl::StatusOr<std::unique_ptr<ByteSource>> Archive::OpenCore(const v1::Dump& dump) {
  const absl::StatusOr<Sha256Digest> digest = CoreDigest(dump);
  if (!digest.ok()) return digest.status();
  return blobs_.Open(*digest);
}

absl::StatusOr<bool> Archive::RemoveIfOrphan(const Sha256Digest& digest) {
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
  const std::lock_guard lock(MutexOf(*digest));
  if (absl::Status s = catalog_.Delete(dump_id); !s.ok()) return s;
  // The dump is deleted whatever comes of this: CollectOrphans tries again.
  (void)RemoveIfOrphan(*digest);
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> Archive::CollectOrphans() {
  std::uint64_t removed = 0;
  absl::Status status = blobs_.ForEach([&](const Sha256Digest& digest) {
    const std::lock_guard lock(MutexOf(digest));
    const absl::StatusOr<bool> orphan = RemoveIfOrphan(digest);
    removed += orphan.ok() && *orphan ? 1 : 0;
    return orphan.status();
  });
  if (!status.ok()) return status;
  return removed;
}

}  // namespace marrow
