// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/file_blob_store.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/blobs/seekable_reader.h"
#include "server/blobs/seekable_writer.h"

namespace marrow {
namespace {

constexpr char kSuffix[] = ".zst";
constexpr char kTemporarySuffix[] = ".tmp";

class FileSink final : public ByteSink {
 public:
  explicit FileSink(File& file) : file_(file) {}
  absl::Status Write(Bytes bytes) override { return file_.Append(bytes); }

 private:
  File& file_;
};

absl::Status CheckDigest(Sha256& sha, const Sha256Digest& expected) {
  const Sha256Digest actual = sha.Finish();
  if (actual == expected) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("SHA-256 of the bytes is ", Hex(actual), ", expected ", Hex(expected)));
}

absl::Status VerifyDigest(const ByteSource& content, const Sha256Digest& expected) {
  Sha256 sha;
  std::vector<std::byte> buffer(kSeekFrameBytes);
  for (std::uint64_t offset = 0; offset < content.size(); offset += buffer.size()) {
    const MutableBytes piece(buffer.data(), static_cast<std::size_t>(std::min<std::uint64_t>(
                                                buffer.size(), content.size() - offset)));
    if (absl::Status s = content.ReadAt(offset, piece); !s.ok()) return s;
    sha.Update(piece);
  }
  return CheckDigest(sha, expected);
}

bool IsHex(absl::string_view text, std::size_t digits) {
  return text.size() == digits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// "<64 hex digits>.zst"; nothing for any other name.
std::optional<Sha256Digest> DigestOfName(absl::string_view name) {
  Sha256Digest digest;
  if (!absl::ConsumeSuffix(&name, kSuffix) || !IsHex(name, 2 * digest.size())) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(name);
  std::copy_n(AsBytes(bytes).begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileBlobStore>> FileBlobStore::Open(FileSystem& files,
                                                                   std::string directory,
                                                                   int level) {
  if (absl::Status s = files.CreateDirectories(directory); !s.ok()) return s;
  // An earlier process may have died between making a directory and the sync of its parent.
  for (const std::string& each : {directory, ParentDirectory(directory)}) {
    if (absl::Status s = files.SyncDirectory(each); !s.ok()) return s;
  }
  std::unique_ptr<FileBlobStore> store(new FileBlobStore(files, std::move(directory), level));
  if (absl::Status s = store->RemoveTemporaries(); !s.ok()) return s;
  return store;
}

std::string FileBlobStore::Shard(const Sha256Digest& digest) const {
  return absl::StrCat(directory_, "/", Hex(Bytes(digest).first(1)));
}

std::string FileBlobStore::Path(const Sha256Digest& digest) const {
  return absl::StrCat(Shard(digest), "/", Hex(digest), kSuffix);
}

absl::Status FileBlobStore::ForEachFile(const FileVisitor& visit) {
  const auto shards = files_.List(directory_);
  if (!shards.ok()) return shards.status();
  for (const std::string& shard : *shards) {
    if (!IsHex(shard, 2)) continue;
    const std::string path = absl::StrCat(directory_, "/", shard);
    const auto names = files_.List(path);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      if (absl::Status s = visit(path, name); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

absl::Status FileBlobStore::RemoveTemporaries() {
  return ForEachFile([this](const std::string& shard, const std::string& name) {
    if (!absl::EndsWith(name, kTemporarySuffix)) return absl::OkStatus();
    return files_.Remove(absl::StrCat(shard, "/", name));
  });
}

absl::Status FileBlobStore::WriteTemporary(const std::string& path, const Sha256Digest& digest,
                                           const ByteSource& content) {
  auto file = files_.Create(path);
  if (!file.ok()) return file.status();
  FileSink sink(**file);
  Sha256 sha;
  absl::Status status =
      WriteSeekable(content, level_, sink, [&sha](Bytes bytes) { sha.Update(bytes); });
  if (status.ok()) status = CheckDigest(sha, digest);
  if (status.ok()) status = (*file)->Sync();
  // The status says what went wrong; a leftover is collected at the next start.
  if (!status.ok()) (void)files_.Remove(path);
  return status;
}

bool FileBlobStore::Holds(const Sha256Digest& digest) {
  const auto blob = Open(digest);
  return blob.ok() && VerifyDigest(**blob, digest).ok();
}

absl::StatusOr<BlobInfo> FileBlobStore::Put(const Sha256Digest& digest, const ByteSource& content) {
  if (Holds(digest)) {
    if (absl::Status s = VerifyDigest(content, digest); !s.ok()) return s;
    // A process may have died between its rename and its sync of the directory.
    if (absl::Status s = files_.SyncDirectory(Shard(digest)); !s.ok()) return s;
    return Stat(digest);
  }
  if (absl::Status s = files_.CreateDirectories(Shard(digest)); !s.ok()) return s;
  // The shard may be there and not durable: made a moment ago, by a Put that failed or goes on.
  if (absl::Status s = files_.SyncDirectory(directory_); !s.ok()) return s;
  const std::string path = Path(digest);
  const std::string temporary = absl::StrCat(path, ".", temporaries_++, kTemporarySuffix);
  if (absl::Status s = WriteTemporary(temporary, digest, content); !s.ok()) return s;
  if (absl::Status s = files_.Rename(temporary, path); !s.ok()) {
    (void)files_.Remove(temporary);
    return s;
  }
  if (absl::Status s = files_.SyncDirectory(Shard(digest)); !s.ok()) return s;
  return Stat(digest);
}

absl::StatusOr<std::unique_ptr<ByteSource>> FileBlobStore::Open(const Sha256Digest& digest) {
  auto file = files_.OpenForRead(Path(digest));
  if (!file.ok()) return file.status();
  auto reader = SeekableReader::Open(*std::move(file));
  if (!reader.ok()) {
    return absl::Status(reader.status().code(),
                        absl::StrCat(Path(digest), ": ", reader.status().message()));
  }
  return std::unique_ptr<ByteSource>(*std::move(reader));
}

absl::StatusOr<BlobInfo> FileBlobStore::Stat(const Sha256Digest& digest) {
  auto file = files_.OpenForRead(Path(digest));
  if (!file.ok()) return file.status();
  BlobInfo info;
  info.stored_bytes = (*file)->size();
  auto reader = SeekableReader::Open(*std::move(file));
  if (!reader.ok()) return reader.status();
  info.content_bytes = (*reader)->size();
  return info;
}

absl::Status FileBlobStore::Remove(const Sha256Digest& digest) {
  if (absl::Status s = files_.Remove(Path(digest)); !s.ok()) return s;
  return files_.SyncDirectory(Shard(digest));
}

absl::Status FileBlobStore::ForEach(const std::function<absl::Status(const Sha256Digest&)>& visit) {
  return ForEachFile([&visit](const std::string&, const std::string& name) {
    const std::optional<Sha256Digest> digest = DigestOfName(name);
    return digest ? visit(*digest) : absl::OkStatus();
  });
}

}  // namespace marrow
