// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/upload_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "vmm_backend/daemon/grpc_status.h"

namespace marrow {
namespace {

constexpr absl::Duration kCloseTimeout = absl::Seconds(1);

}  // namespace

UploadStream::UploadStream(v1::Ingest::StubInterface& stub, absl::Duration stall_timeout)
    : stall_timeout_(stall_timeout) {
  stub.async()->Upload(&context_, this);
  AddHold();  // operations start outside reactions
  StartRead(&incoming_);
  StartCall();
}

UploadStream::~UploadStream() {
  context_.TryCancel();
  ReleaseHold();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_; });
}

absl::Status UploadStream::Write(const v1::UploadRequest& request) {
  std::unique_lock lock(mutex_);
  if (!held_) return End(lock);
  write_done_ = false;
  lock.unlock();
  StartWrite(&request);
  lock.lock();
  if (!Await(lock, write_done_, stall_timeout_)) return GiveUp(lock);
  return write_ok_ ? absl::OkStatus() : End(lock);
}

absl::StatusOr<v1::UploadResponse> UploadStream::Read() {
  std::unique_lock lock(mutex_);
  if (!held_) return End(lock);
  if (!Await(lock, read_done_, stall_timeout_)) return GiveUp(lock);
  if (!read_ok_) return End(lock);
  v1::UploadResponse response = std::move(incoming_);
  incoming_.Clear();
  read_done_ = false;
  lock.unlock();
  StartRead(&incoming_);
  return response;
}

bool UploadStream::CanRead() {
  const std::lock_guard lock(mutex_);
  return read_done_;
}

void UploadStream::Close() {
  StartWritesDone();
  ReleaseHold();
  std::unique_lock lock(mutex_);
  (void)Await(lock, done_, kCloseTimeout);  // else the destructor cancels
}

bool UploadStream::reached_store() {
  const std::lock_guard lock(mutex_);
  return reached_store_;
}

std::optional<absl::Duration> UploadStream::retry_delay() {
  const std::lock_guard lock(mutex_);
  return RetryDelay(status_);
}

void UploadStream::OnReadInitialMetadataDone(bool ok) {
  const std::lock_guard lock(mutex_);
  reached_store_ |= ok;
}

void UploadStream::OnReadDone(bool ok) {
  const std::lock_guard lock(mutex_);
  read_done_ = true;
  read_ok_ = ok;
  changed_.notify_all();
}

void UploadStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  write_done_ = true;
  write_ok_ = ok;
  changed_.notify_all();
}

void UploadStream::OnDone(const grpc::Status& status) {
  // Notified under the lock: the waiter may destroy this object as soon as it gets the lock.
  const std::lock_guard lock(mutex_);
  done_ = true;
  status_ = status;
  changed_.notify_all();
}

bool UploadStream::Await(std::unique_lock<std::mutex>& lock, const bool& flag,
                         absl::Duration timeout) {
  return changed_.wait_for(lock, absl::ToChronoNanoseconds(timeout), [&flag] { return flag; });
}

absl::Status UploadStream::End(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  ReleaseHold();
  lock.lock();
  if (!Await(lock, done_, stall_timeout_)) return GiveUp(lock);
  if (status_.ok()) return absl::InternalError("the store ended the upload without a word");
  return FromGrpcStatus(status_);
}

absl::Status UploadStream::GiveUp(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  context_.TryCancel();
  ReleaseHold();
  lock.lock();
  return absl::DeadlineExceededError(
      absl::StrCat("no progress for ", absl::FormatDuration(stall_timeout_)));
}

void UploadStream::ReleaseHold() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(held_, false)) return;
  }
  RemoveHold();
}

}  // namespace marrow
