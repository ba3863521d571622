// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/partial_upload.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace marrow {
namespace {

constexpr char kMagic[] = "marrow-upload 1";
constexpr std::uint64_t kMaxRecordBytes = 4096;

absl::Status Damaged() { return absl::DataLossError("the upload's .begin file is damaged"); }

// The value of a "key value" line.
bool ParseLine(absl::string_view line, absl::string_view key, absl::string_view& value) {
  value = line;
  return absl::ConsumePrefix(&value, key) && absl::ConsumePrefix(&value, " ");
}

bool ParseNumber(absl::string_view line, absl::string_view key, std::uint64_t& number) {
  absl::string_view value;
  return ParseLine(line, key, value) && absl::SimpleAtoi(value, &number);
}

bool ParseDigest(absl::string_view line, absl::string_view key, Sha256Digest& digest) {
  absl::string_view value;
  if (!ParseLine(line, key, value) || value.size() != 2 * digest.size()) return false;
  if (!std::all_of(value.begin(), value.end(), absl::ascii_isxdigit)) return false;
  const std::string bytes = absl::HexStringToBytes(value);
  std::copy_n(AsBytes(bytes).begin(), digest.size(), digest.begin());
  return true;
}

}  // namespace

std::string EncodeBeginRecord(const BeginRecord& record) {
  return absl::StrCat(kMagic, "\ncore_bytes ", record.core_bytes, "\ncore_sha256 ",
                      Hex(record.core_sha256), "\ndurable_bytes ", record.durable_bytes,
                      "\nupdated ", absl::ToUnixSeconds(record.updated), "\n");
}

absl::StatusOr<BeginRecord> DecodeBeginRecord(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  BeginRecord record;
  std::uint64_t updated = 0;
  if (lines.size() != 6 || lines[0] != kMagic ||
      !ParseNumber(lines[1], "core_bytes", record.core_bytes) ||
      !ParseDigest(lines[2], "core_sha256", record.core_sha256) ||
      !ParseNumber(lines[3], "durable_bytes", record.durable_bytes) ||
      !ParseNumber(lines[4], "updated", updated) || !lines[5].empty() ||
      record.durable_bytes > record.core_bytes) {
    return Damaged();
  }
  record.updated = absl::FromUnixSeconds(static_cast<std::int64_t>(updated));
  return record;
}

std::string PartPath(absl::string_view directory, absl::string_view dump_id) {
  return absl::StrCat(directory, "/", dump_id, ".part");
}

std::string BeginPath(absl::string_view directory, absl::string_view dump_id) {
  return absl::StrCat(directory, "/", dump_id, ".begin");
}

absl::StatusOr<BeginRecord> ReadBeginRecord(FileSystem& files, absl::string_view directory,
                                            absl::string_view dump_id) {
  const absl::StatusOr<std::string> text =
      ReadWholeFile(files, BeginPath(directory, dump_id), kMaxRecordBytes);
  if (!text.ok()) return text.status();
  return DecodeBeginRecord(*text);
}

absl::Status RemovePartialUpload(FileSystem& files, absl::string_view directory,
                                 absl::string_view dump_id) {
  const std::string begin = BeginPath(directory, dump_id);
  // The record goes first: bytes without one are nobody's.
  for (const std::string& path :
       {begin, absl::StrCat(begin, ".tmp"), PartPath(directory, dump_id)}) {
    absl::Status status = files.Remove(path);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PartialUpload>> PartialUpload::Open(FileSystem& files,
                                                                   std::string directory,
                                                                   UploadIdentity identity) {
  std::unique_ptr<PartialUpload> upload(
      new PartialUpload(files, std::move(directory), std::move(identity)));
  const absl::Status resumed = upload->Resume();
  if (resumed.ok()) return upload;
  if (!absl::IsNotFound(resumed)) return resumed;
  const UploadIdentity& id = upload->identity_;
  if (absl::Status s = RemovePartialUpload(files, upload->directory_, id.dump_id); !s.ok()) {
    return s;
  }
  auto file = files.Create(PartPath(upload->directory_, id.dump_id));
  if (!file.ok()) return file.status();
  upload->file_ = *std::move(file);
  return upload;
}

absl::Status PartialUpload::Resume() {
  const auto nothing = absl::NotFoundError("there is nothing to continue");
  const auto record = ReadBeginRecord(files_, directory_, identity_.dump_id);
  if (absl::IsNotFound(record.status()) || absl::IsDataLoss(record.status())) return nothing;
  if (!record.ok()) return record.status();
  if (record->core_bytes != identity_.core_bytes || record->core_sha256 != identity_.core_sha256) {
    return nothing;
  }
  auto file = files_.OpenForAppend(PartPath(directory_, identity_.dump_id));
  if (!file.ok()) return file.status();
  if ((*file)->size() < record->durable_bytes) return nothing;
  if (absl::Status s = (*file)->Truncate(record->durable_bytes); !s.ok()) return s;
  file_ = *std::move(file);
  size_bytes_ = durable_bytes_ = record->durable_bytes;
  return absl::OkStatus();
}

absl::Status PartialUpload::Append(Bytes bytes) {
  if (absl::Status s = file_->Append(bytes); !s.ok()) return s;
  size_bytes_ += bytes.size();
  return absl::OkStatus();
}

absl::Status PartialUpload::Checkpoint(absl::Time now) {
  if (absl::Status s = file_->Sync(); !s.ok()) return s;
  const BeginRecord record{.core_bytes = identity_.core_bytes,
                           .core_sha256 = identity_.core_sha256,
                           .durable_bytes = size_bytes_,
                           .updated = now};
  // Syncs the directory, and with it the name of the .part file.
  absl::Status status = WriteFileDurably(files_, BeginPath(directory_, identity_.dump_id),
                                         AsBytes(EncodeBeginRecord(record)));
  if (!status.ok()) return status;
  durable_bytes_ = size_bytes_;
  return absl::OkStatus();
}

}  // namespace marrow
