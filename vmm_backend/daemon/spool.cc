// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/spool.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "vmm_backend/base/sha256.h"
#include "vmm_backend/base/ulid.h"

namespace marrow {
namespace {

constexpr absl::string_view kCore = ".core";
constexpr absl::string_view kEntry = ".entry";
constexpr absl::string_view kEntryTemporary = ".entry.tmp";
constexpr absl::string_view kWhy = ".why";
constexpr absl::string_view kQuarantine = "quarantine";
constexpr std::size_t kWriteBytes = 1 << 20;

// The dump id of "<id><suffix>", or "" for any other name.
std::string IdOf(absl::string_view name, absl::string_view suffix) {
  return absl::ConsumeSuffix(&name, suffix) && IsUlid(name) ? std::string(name) : "";
}

// Gathers small writes, appends large ones, and digests what passes.
class DigestingSink final : public ByteSink {
 public:
  explicit DigestingSink(File& file) : file_(file) { buffer_.reserve(kWriteBytes); }

  absl::Status Write(Bytes bytes) override {
    digest_.Update(bytes);
    size_bytes_ += bytes.size();
    if (buffer_.size() + bytes.size() > kWriteBytes) {
      if (absl::Status status = Flush(); !status.ok()) return status;
    }
    if (bytes.size() > kWriteBytes) return file_.Append(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return absl::OkStatus();
  }

  absl::Status Flush() {
    if (buffer_.empty()) return absl::OkStatus();
    absl::Status status = file_.Append(buffer_);
    buffer_.clear();
    return status;
  }

  std::uint64_t size_bytes() const { return size_bytes_; }
  Sha256Digest Finish() { return digest_.Finish(); }

 private:
  File& file_;
  Sha256 digest_;
  std::vector<std::byte> buffer_;
  std::uint64_t size_bytes_ = 0;
};

// Removes a file that need not be there.
absl::Status RemoveIfThere(FileSystem& files, const std::string& path) {
  absl::Status status = files.Remove(path);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

// Renames a file that need not be there.
absl::Status RenameIfThere(FileSystem& files, const std::string& from, const std::string& to) {
  absl::Status status = files.Rename(from, to);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(FileSystem& files, SpoolOptions options) {
  std::unique_ptr<Spool> spool(new Spool(files, std::move(options)));
  if (absl::Status status = spool->Recover(); !status.ok()) return status;
  return spool;
}

absl::Status Spool::Recover() {
  absl::Status status =
      files_.CreateDirectories(absl::StrCat(options_.directory, "/", kQuarantine));
  if (!status.ok()) return status;
  absl::StatusOr<std::vector<std::string>> names = files_.List(options_.directory);
  if (!names.ok()) return names.status();

  std::set<std::string> with_entry;
  for (const std::string& name : *names) {
    if (const std::string id = IdOf(name, kEntry); !id.empty()) {
      with_entry.insert(id);
      status = RecoverEntry(id);
    } else if (!IdOf(name, kEntryTemporary).empty()) {
      status = files_.Remove(absl::StrCat(options_.directory, "/", name));
    }
    if (!status.ok()) return status;
  }
  for (const std::string& name : *names) {
    const std::string id = IdOf(name, kCore);
    if (id.empty() || with_entry.count(id) != 0) continue;
    if (status = files_.Remove(Path(id, kCore)); !status.ok()) return status;
  }
  absl::StatusOr<Usage> quarantine = MeasureQuarantine();
  if (!quarantine.ok()) return quarantine.status();
  quarantine_ = *quarantine;
  return absl::OkStatus();
}

// An entry that cannot be read for whatever reason is quarantined: that loses nothing, and keeps
// one bad file from stopping the daemon.
absl::Status Spool::RecoverEntry(const std::string& id) {
  absl::StatusOr<SpoolEntry> entry = ReadEntry(id);
  if (!entry.ok()) return MoveToQuarantine(id, entry.status().message());
  absl::StatusOr<std::unique_ptr<File>> core = files_.OpenForRead(Path(id, kCore));
  if (!core.ok()) return MoveToQuarantine(id, core.status().message());
  const std::uint64_t core_bytes = entry->begin.core_bytes();
  if ((*core)->size() != core_bytes) {
    return MoveToQuarantine(id, absl::StrCat("the core has ", (*core)->size(), " bytes where ",
                                             core_bytes, " were written"));
  }
  slots_[id] = {State::kPending, core_bytes + entry->begin.ByteSizeLong()};
  return absl::OkStatus();
}

absl::StatusOr<SpoolEntry> Spool::Add(const v1::Manifest& manifest, const CoreLayout& layout,
                                      const PageBytes& page_bytes) {
  SpoolEntry entry;
  entry.id = manifest.dump_id();
  if (!IsUlid(entry.id)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot spool a dump: \"", entry.id, "\" is not a dump id"));
  }
  *entry.begin.mutable_manifest() = manifest;
  absl::Status status = Reserve(entry.id, layout.file_bytes + manifest.ByteSizeLong());
  if (!status.ok()) return status;
  status = WriteDump(entry, layout, page_bytes);

  const std::lock_guard lock(mutex_);
  if (!status.ok()) {
    slots_.erase(entry.id);
    return status;
  }
  slots_[entry.id].state = State::kPending;
  return entry;
}

absl::Status Spool::Reserve(const std::string& id, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (slots_.count(id) != 0) {
    return absl::AlreadyExistsError(absl::StrCat("dump ", id, " is already in the spool"));
  }
  absl::Status status = CheckLimits(bytes);
  if (!status.ok()) {
    // Somebody may have emptied the quarantine, as the error asks to.
    absl::StatusOr<Usage> quarantine = MeasureQuarantine();
    if (!quarantine.ok()) return quarantine.status();
    quarantine_ = *quarantine;
    status = CheckLimits(bytes);
  }
  if (status.ok()) status = CheckFreeSpace(bytes);
  if (!status.ok()) {
    ++refused_;
    return status;
  }
  slots_[id] = {State::kWriting, bytes};
  return absl::OkStatus();
}

absl::Status Spool::CheckLimits(std::uint64_t bytes) const {
  Usage used = UsageOf(State::kWriting);
  const Usage pending = UsageOf(State::kPending);
  used.entries += pending.entries + quarantine_.entries;
  used.bytes += pending.bytes + quarantine_.bytes;
  std::string limit;
  if (used.entries >= options_.max_entries) {
    limit = absl::StrCat("max_entries is ", options_.max_entries);
  } else if (used.bytes > options_.max_bytes || bytes > options_.max_bytes - used.bytes) {
    limit = absl::StrCat("max_bytes is ", options_.max_bytes, " and the new dump needs ", bytes);
  }
  if (limit.empty()) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "spool ", options_.directory, " is full: it holds ", used.entries, " dumps of ", used.bytes,
      " bytes, of these ", quarantine_.entries, " of ", quarantine_.bytes, " bytes in quarantine; ",
      limit, ". See that the store takes dumps, delete what is not needed in ", options_.directory,
      "/", kQuarantine, ", or raise the limit"));
}

absl::Status Spool::CheckFreeSpace(std::uint64_t bytes) const {
  absl::StatusOr<std::uint64_t> free_bytes = files_.FreeBytes(options_.directory);
  if (!free_bytes.ok()) return free_bytes.status();
  // What is being written may not have taken its space yet.
  const std::uint64_t claimed = UsageOf(State::kWriting).bytes + options_.min_free_bytes;
  if (*free_bytes >= claimed && *free_bytes - claimed >= bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the file system of spool ", options_.directory, " has ", *free_bytes,
                   " bytes free; the new dump needs ", bytes, " and min_free keeps ",
                   options_.min_free_bytes, " for others. Make room or lower min_free"));
}

absl::Status Spool::WriteDump(SpoolEntry& entry, const CoreLayout& layout,
                              const PageBytes& page_bytes) {
  absl::Status status = WriteCoreFile(entry, layout, page_bytes);
  absl::StatusOr<std::string> encoded = std::string();
  if (status.ok()) {
    encoded = EncodeSpoolEntry(entry);
    status = encoded.status();
  }
  // The core's name must be durable before the entry's: an entry promises its core.
  if (status.ok()) status = files_.SyncDirectory(options_.directory);
  if (status.ok()) status = WriteFileDurably(files_, Path(entry.id, kEntry), AsBytes(*encoded));
  if (!status.ok()) {
    // Best effort, in this order: Open() collects a core that has no entry.
    if (RemoveIfThere(files_, Path(entry.id, kEntry)).ok()) {
      (void)RemoveIfThere(files_, Path(entry.id, kCore));
    }
  }
  return status;
}

absl::Status Spool::WriteCoreFile(SpoolEntry& entry, const CoreLayout& layout,
                                  const PageBytes& page_bytes) {
  const std::string path = Path(entry.id, kCore);
  absl::Status status = RemoveIfThere(files_, path);  // of an Add that failed
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<File>> file = files_.Create(path);
  if (!file.ok()) return file.status();
  DigestingSink sink(**file);
  status = WriteCore(layout, page_bytes, sink);
  if (status.ok()) status = sink.Flush();
  if (status.ok()) status = (*file)->Sync();
  if (!status.ok()) return status;
  entry.begin.set_core_bytes(sink.size_bytes());
  const Sha256Digest digest = sink.Finish();
  entry.begin.set_core_sha256(digest.data(), digest.size());
  return absl::OkStatus();
}

std::vector<std::string> Spool::Pending() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, slot] : slots_) {
    if (slot.state == State::kPending) ids.push_back(id);
  }
  return ids;
}

absl::StatusOr<SpoolEntry> Spool::Load(const std::string& id) const {
  if (!IsPending(id)) return absl::NotFoundError(absl::StrCat("no dump ", id, " in the spool"));
  return ReadEntry(id);
}

absl::StatusOr<SpoolEntry> Spool::ReadEntry(const std::string& id) const {
  absl::StatusOr<std::string> file = ReadWholeFile(files_, Path(id, kEntry), kMaxSpoolEntryBytes);
  if (absl::IsResourceExhausted(file.status())) return absl::DataLossError(file.status().message());
  if (!file.ok()) return file.status();
  return DecodeSpoolEntry(id, AsBytes(*file));
}

absl::StatusOr<std::unique_ptr<ByteSource>> Spool::OpenCore(const std::string& id) const {
  if (!IsPending(id)) return absl::NotFoundError(absl::StrCat("no dump ", id, " in the spool"));
  return files_.OpenForRead(Path(id, kCore));
}

absl::Status Spool::Remove(const std::string& id) {
  if (!IsPending(id)) return absl::NotFoundError(absl::StrCat("no dump ", id, " in the spool"));
  if (absl::Status status = RemoveIfThere(files_, Path(id, kEntry)); !status.ok()) return status;
  // A power cut could bring back the entry until its removal is durable: only then the core goes
  // too. Best effort: Open() collects a core that has no entry.
  if (files_.SyncDirectory(options_.directory).ok()) (void)files_.Remove(Path(id, kCore));
  const std::lock_guard lock(mutex_);
  slots_.erase(id);
  return absl::OkStatus();
}

absl::Status Spool::Quarantine(const std::string& id, absl::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    const auto slot = slots_.find(id);
    if (slot == slots_.end() || slot->second.state != State::kPending) {
      return absl::NotFoundError(absl::StrCat("no dump ", id, " in the spool"));
    }
    // Its bytes stay on the disk and in the account.
    quarantine_.entries += 1;
    quarantine_.bytes += slot->second.bytes;
    slots_.erase(slot);
  }
  return MoveToQuarantine(id, why);
}

// The entry moves last: until then Open() finds it again, without its core, and finishes the move.
// The directory that gains the names is synced before the one that loses them.
absl::Status Spool::MoveToQuarantine(const std::string& id, absl::string_view why) {
  const std::string why_path = QuarantinePath(id, kWhy);
  absl::Status status;
  if (absl::IsNotFound(files_.OpenForRead(why_path).status())) {  // else the first reason stands
    status = WriteFileDurably(files_, why_path, AsBytes(absl::StrCat(why, "\n")));
  }
  if (status.ok()) status = RenameIfThere(files_, Path(id, kCore), QuarantinePath(id, kCore));
  if (status.ok()) status = RenameIfThere(files_, Path(id, kEntry), QuarantinePath(id, kEntry));
  if (status.ok()) status = files_.SyncDirectory(ParentDirectory(why_path));
  if (status.ok()) status = files_.SyncDirectory(options_.directory);
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("cannot quarantine dump ", id, " (", why,
                                                  "): ", status.message()));
}

absl::StatusOr<Spool::Usage> Spool::MeasureQuarantine() const {
  const std::string directory = absl::StrCat(options_.directory, "/", kQuarantine);
  absl::StatusOr<std::vector<std::string>> names = files_.List(directory);
  if (!names.ok()) return names.status();
  Usage usage;
  for (const std::string& name : *names) {
    absl::StatusOr<std::unique_ptr<File>> file =
        files_.OpenForRead(absl::StrCat(directory, "/", name));
    if (absl::IsNotFound(file.status())) continue;  // deleted under our hands
    if (!file.ok()) return file.status();
    usage.bytes += (*file)->size();
    if (absl::EndsWith(name, kWhy)) ++usage.entries;
  }
  return usage;
}

Spool::Usage Spool::UsageOf(State state) const {
  Usage usage;
  for (const auto& [id, slot] : slots_) {
    if (slot.state != state) continue;
    ++usage.entries;
    usage.bytes += slot.bytes;
  }
  return usage;
}

bool Spool::IsPending(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto slot = slots_.find(id);
  return slot != slots_.end() && slot->second.state == State::kPending;
}

SpoolStats Spool::stats() const {
  const std::lock_guard lock(mutex_);
  const Usage pending = UsageOf(State::kPending);
  return {pending.entries, pending.bytes, quarantine_.entries, quarantine_.bytes, refused_};
}

std::string Spool::Path(absl::string_view id, absl::string_view suffix) const {
  return absl::StrCat(options_.directory, "/", id, suffix);
}

std::string Spool::QuarantinePath(absl::string_view id, absl::string_view suffix) const {
  return absl::StrCat(options_.directory, "/", kQuarantine, "/", id, suffix);
}

}  // namespace marrow
