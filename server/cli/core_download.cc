// SPDX-License-Identifier: Apache-2.0
#include "server/cli/core_download.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/base/sha256.h"

namespace marrow::cli {
namespace {

constexpr std::size_t kHashPieceBytes = 1 << 20;

absl::Status HashFile(const File& file, std::uint64_t bytes, Sha256& hash) {
  std::vector<std::byte> piece(kHashPieceBytes);
  for (std::uint64_t at = 0; at < bytes;) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), bytes - at));
    const MutableBytes out = MutableBytes(piece).first(n);
    if (absl::Status s = file.ReadAt(at, out); !s.ok()) return s;
    hash.Update(out);
    at += n;
  }
  return absl::OkStatus();
}

bool DigestIs(Sha256& hash, const v1::Dump& dump) {
  const Sha256Digest digest = hash.Finish();
  const Bytes expected = AsBytes(dump.core_sha256());
  return std::equal(digest.begin(), digest.end(), expected.begin(), expected.end());
}

class CoreDownload {
 public:
  CoreDownload(Session& session, const v1::Dump& dump, const std::string& path,
               const DownloadProgress& progress)
      : session_(session),
        files_(session.environment().files),
        dump_(dump),
        path_(path),
        part_path_(absl::StrCat(path, ".", dump.manifest().dump_id(), ".part")),
        progress_(progress) {}

  absl::Status Run() {
    if (AlreadyThere()) return absl::OkStatus();
    if (absl::Status s = OpenPart(); !s.ok()) return s;
    if (absl::Status s = Receive(); !s.ok()) return s;
    if (!DigestIs(hash_, dump_)) {
      return Discard(
          "the bytes received do not have the SHA-256 that the store gives for the core");
    }
    if (absl::Status s = part_->Sync(); !s.ok()) return s;
    if (absl::Status s = files_.Rename(part_path_, path_); !s.ok()) return s;
    return files_.SyncDirectory(ParentDirectory(path_));
  }

 private:
  bool AlreadyThere() {
    const auto file = files_.OpenForRead(path_);
    if (!file.ok() || (*file)->size() != dump_.core_bytes()) return false;
    Sha256 hash;
    return HashFile(**file, dump_.core_bytes(), hash).ok() && DigestIs(hash, dump_);
  }

  absl::Status OpenPart() {
    auto file = files_.OpenExclusively(part_path_);
    if (!file.ok()) return file.status();
    part_ = *std::move(file);
    if (part_->size() > dump_.core_bytes()) {
      if (absl::Status s = part_->Truncate(0); !s.ok()) return s;
    }
    done_ = part_->size();
    return HashFile(*part_, done_, hash_);
  }

  // One stream after the other, as long as each brings the download on.
  absl::Status Receive() {
    while (done_ < dump_.core_bytes()) {
      progress_(done_, dump_.core_bytes());
      const std::uint64_t before = done_;
      absl::Status status = ReceiveStream();
      const bool worth_another = absl::IsUnavailable(status) && done_ > before;
      if (!status.ok() && !worth_another) return status;
      if (status.ok() && done_ < dump_.core_bytes()) {
        return absl::DataLossError(
            absl::StrCat("the store sent ", done_, " of ", dump_.core_bytes(), " bytes"));
      }
    }
    progress_(done_, dump_.core_bytes());
    return absl::OkStatus();
  }

  absl::Status ReceiveStream() {
    v1::ReadCoreRequest request;
    request.set_name(dump_.name());
    request.set_offset(done_);
    grpc::ClientContext context;
    const auto stream = session_.dumps().ReadCore(&context, request);
    absl::Status local;
    v1::ReadCoreResponse message;
    while (local.ok() && stream->Read(&message)) local = Take(message);
    if (!local.ok()) context.TryCancel();
    const grpc::Status remote = stream->Finish();
    return local.ok() ? session_.StoreStatus(remote) : local;
  }

  absl::Status Take(const v1::ReadCoreResponse& message) {
    const Bytes data = AsBytes(message.data());
    if (Crc32c(data) != message.crc32c()) {
      return absl::DataLossError(
          absl::StrCat("the bytes at offset ", done_, " do not match their CRC-32C"));
    }
    if (data.size() > dump_.core_bytes() - done_) {
      return Discard("the store sent more than the dump's size");
    }
    if (absl::Status s = part_->Append(data); !s.ok()) return s;
    hash_.Update(data);
    done_ += data.size();
    progress_(done_, dump_.core_bytes());
    return absl::OkStatus();
  }

  absl::Status Discard(absl::string_view why) {
    absl::Status status = absl::DataLossError(why);
    const absl::Status removed = files_.Remove(part_path_);
    if (removed.ok()) return status;
    return absl::DataLossError(absl::StrCat(why, "; and ", removed.message()));
  }

  Session& session_;
  FileSystem& files_;
  const v1::Dump& dump_;
  const std::string path_;
  const std::string part_path_;
  const DownloadProgress& progress_;
  std::unique_ptr<File> part_;
  Sha256 hash_;
  std::uint64_t done_ = 0;
};

}  // namespace

absl::Status DownloadCore(Session& session, const v1::Dump& dump, const std::string& path,
                          const DownloadProgress& progress) {
  return CoreDownload(session, dump, path, progress).Run();
}

}  // namespace marrow::cli
