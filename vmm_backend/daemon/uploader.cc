// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/uploader.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

MonotonicTime Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// The dump itself is at fault: trying again cannot help.
bool IsDamaged(const absl::Status& local) {
  return absl::IsDataLoss(local) || absl::IsNotFound(local) || absl::IsOutOfRange(local);
}
bool IsRefusal(const absl::Status& from_store) {
  return absl::IsInvalidArgument(from_store) || absl::IsAlreadyExists(from_store);
}

}  // namespace

Uploader::Uploader(Spool& spool, std::shared_ptr<grpc::Channel> channel, UploadListener& listener,
                   Uniform uniform, UploaderOptions options)
    : spool_(spool),
      listener_(listener),
      options_(options),
      stub_(v1::Ingest::NewStub(std::move(channel))),
      schedule_(options.schedule, std::move(uniform)),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {}

Uploader::~Uploader() = default;  // ~jthread requests the stop and joins

void Uploader::Notify() {
  const std::lock_guard lock(mutex_);
  notified_ = true;
  wake_.notify_all();
}

UploadStats Uploader::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Uploader::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const UploadSchedule::Turn turn = schedule_.Next(spool_.Pending(), Now());
    if (!turn.id.empty()) {
      TryOnce(turn.id, stop);
      continue;
    }
    std::unique_lock lock(mutex_);
    const auto notified = [this] { return notified_; };
    if (turn.wait == absl::InfiniteDuration()) {
      wake_.wait(lock, stop, notified);
    } else {
      wake_.wait_for(lock, stop, absl::ToChronoNanoseconds(turn.wait), notified);
    }
    notified_ = false;
  }
}

void Uploader::TryOnce(const std::string& id, const std::stop_token& stop) {
  absl::StatusOr<Parcel> parcel = Prepare(id, stop);
  if (IsDamaged(parcel.status())) return Quarantine(id, parcel.status());
  UploadAttempt attempt;
  attempt.status = parcel.status();
  attempt.reached_store = true;  // an error of this host is the dump's own, too
  if (parcel.ok()) {
    attempt = UploadDump(*stub_, parcel->entry, *parcel->core, options_.session, stop);
  }
  if (attempt.status.ok()) return Acknowledge(parcel->entry, attempt.dump);
  if (stop.stop_requested()) return;
  if (IsRefusal(attempt.status)) return Quarantine(id, attempt.status);
  Fail(id, attempt);
}

absl::StatusOr<Uploader::Parcel> Uploader::Prepare(const std::string& id,
                                                   const std::stop_token& stop) {
  absl::StatusOr<SpoolEntry> entry = spool_.Load(id);
  if (!entry.ok()) return entry.status();
  absl::StatusOr<std::unique_ptr<ByteSource>> core = spool_.OpenCore(id);
  if (!core.ok()) return core.status();
  if (verified_.count(id) == 0) {
    if (absl::Status status = VerifyCore(*entry, **core, stop); !status.ok()) return status;
    verified_.insert(id);
  }
  return Parcel{*std::move(entry), *std::move(core)};
}

void Uploader::Acknowledge(const SpoolEntry& entry, const v1::Dump& dump) {
  if (absl::Status status = spool_.Remove(entry.id); !status.ok()) {
    UploadAttempt attempt;
    attempt.status = absl::Status(status.code(), absl::StrCat("stored, but not to be removed from "
                                                              "the spool: ",
                                                              status.message()));
    attempt.reached_store = true;
    return Fail(entry.id, attempt);
  }
  schedule_.Succeeded(entry.id);
  verified_.erase(entry.id);
  {
    const std::lock_guard lock(mutex_);
    ++stats_.acknowledged;
    stats_.last_error.clear();
  }
  listener_.Acknowledged(entry, dump);
}

void Uploader::Fail(const std::string& id, const UploadAttempt& attempt) {
  using Scope = UploadSchedule::Scope;
  const Scope scope = attempt.reached_store ? Scope::kDump : Scope::kStore;
  // The bytes may be what is wrong: look at them again before the next attempt.
  if (scope == Scope::kDump) verified_.erase(id);
  const absl::Duration wait = schedule_.Failed(id, scope, attempt.retry_after, Now());
  {
    const std::lock_guard lock(mutex_);
    ++stats_.failed_attempts;
    stats_.last_error = absl::StrCat(id, ": ", attempt.status.ToString());
  }
  listener_.Failed(id, attempt.status, wait);
}

void Uploader::Quarantine(const std::string& id, const absl::Status& why) {
  schedule_.Forget(id);
  verified_.erase(id);
  const absl::Status moved = spool_.Quarantine(id, why.ToString());
  {
    const std::lock_guard lock(mutex_);
    ++stats_.quarantined;
    stats_.last_error = absl::StrCat(id, ": ", why.ToString());
  }
  listener_.Quarantined(id, why, moved);
}

}  // namespace marrow
