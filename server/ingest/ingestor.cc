// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/ingestor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "server/ingest/partial_upload.h"
#include "server/ingest/upload_session.h"
#include "vmm_backend/base/ulid.h"

namespace marrow {

DiskReservation::DiskReservation(DiskReservation&& other) noexcept
    : mutex_(other.mutex_), total_(other.total_), bytes_(std::exchange(other.bytes_, 0)) {}

DiskReservation& DiskReservation::operator=(DiskReservation&& other) noexcept {
  if (this != &other) {
    Use(bytes_);
    mutex_ = other.mutex_;
    total_ = other.total_;
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

void DiskReservation::Use(std::uint64_t bytes) {
  bytes = std::min(bytes, bytes_);
  if (bytes == 0) return;
  const std::lock_guard lock(*mutex_);
  *total_ -= bytes;
  bytes_ -= bytes;
}

absl::StatusOr<std::unique_ptr<Ingestor>> Ingestor::Open(FileSystem& files, std::string directory,
                                                         Archive& archive, IngestLimits limits,
                                                         Clock clock) {
  if (absl::Status s = files.CreateDirectories(directory); !s.ok()) return s;
  // An earlier process may have died between making it and the sync of its parent.
  if (absl::Status s = files.SyncDirectory(ParentDirectory(directory)); !s.ok()) return s;
  std::unique_ptr<Ingestor> ingestor(
      new Ingestor(files, std::move(directory), archive, limits, std::move(clock)));
  if (absl::Status s = ingestor->CollectLeftovers(); !s.ok()) return s;
  return ingestor;
}

std::unique_ptr<UploadSession> Ingestor::NewSession() {
  return std::make_unique<UploadSession>(*this);
}

std::shared_ptr<Ingestor::Slot> Ingestor::SlotOf(const std::string& dump_id) {
  const std::lock_guard lock(slots_mutex_);
  std::weak_ptr<Slot>& entry = slots_[dump_id];
  std::shared_ptr<Slot> slot = entry.lock();
  if (slot == nullptr) entry = slot = std::make_shared<Slot>();
  return slot;
}

absl::StatusOr<DiskReservation> Ingestor::Reserve(std::uint64_t bytes) {
  const std::lock_guard lock(reserved_mutex_);
  const absl::StatusOr<std::uint64_t> free = files_.FreeBytes(directory_);
  if (!free.ok()) return free.status();
  // Sums stay far below 2^64: each term is at most max_core_bytes or what a disk holds.
  if (*free < limits_.disk_floor_bytes + reserved_bytes_ + bytes) {
    return WithRetry(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       "the store's disk has ", *free, " bytes free; with ", reserved_bytes_,
                       " promised to other uploads, ", bytes, " more would leave less than the ",
                       limits_.disk_floor_bytes, " that are kept free")),
                   "DISK_FLOOR"),
        limits_.retry_delay);
  }
  reserved_bytes_ += bytes;
  return DiskReservation(reserved_mutex_, reserved_bytes_, bytes);
}

absl::Status Ingestor::CollectLeftovers() {
  const auto names = files_.List(directory_);
  if (!names.ok()) return names.status();
  std::set<std::string> ids;
  for (const std::string& name : *names) {
    const std::string id = name.substr(0, name.find('.'));
    if (IsUlid(id)) ids.insert(id);
  }
  for (const std::string& id : ids) {
    if (absl::Status s = CollectLeftover(id); !s.ok()) return s;
  }
  const std::lock_guard lock(slots_mutex_);
  std::erase_if(slots_, [](const auto& entry) { return entry.second.expired(); });
  return absl::OkStatus();
}

absl::Status Ingestor::CollectLeftover(const std::string& dump_id) {
  const std::shared_ptr<Slot> slot = SlotOf(dump_id);
  const std::lock_guard lock(slot->mutex);
  if (slot->owner != nullptr) return absl::OkStatus();
  const absl::StatusOr<bool> leftover = IsLeftover(dump_id);
  if (!leftover.ok()) return leftover.status();
  if (!*leftover) return absl::OkStatus();
  return RemovePartialUpload(files_, directory_, dump_id);
}

absl::StatusOr<bool> Ingestor::IsLeftover(const std::string& dump_id) {
  const absl::StatusOr<BeginRecord> record = ReadBeginRecord(files_, directory_, dump_id);
  if (absl::IsNotFound(record.status()) || absl::IsDataLoss(record.status())) return true;
  if (!record.ok()) return record.status();
  if (record->updated + limits_.partial_ttl < clock_()) return true;
  const absl::Status stored = archive_.Get(dump_id).status();
  if (absl::IsNotFound(stored)) return false;
  if (!stored.ok()) return stored;
  return true;
}

}  // namespace marrow
