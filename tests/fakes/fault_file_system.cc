// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fault_file_system.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

struct Inode {
  std::string data;
  std::string synced_data;
  bool exclusive = false;  // open by OpenExclusively
};

struct Directory {
  std::map<std::string, std::shared_ptr<Inode>> names;
  std::map<std::string, std::shared_ptr<Inode>> synced_names;
};

std::string BaseName(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

absl::Status NoSuchFile(const std::string& path) {
  return absl::NotFoundError(absl::StrCat(path, ": No such file or directory"));
}

}  // namespace

struct FaultFileSystem::State {
  mutable std::mutex mutex;
  std::map<std::string, Directory> directories;
  std::set<std::string> unsynced_directories;  // of which the parent does not know the name durably
  std::uint64_t free_bytes = std::uint64_t{1} << 40;
  std::uint64_t operations = 0;
  std::uint64_t fail_at = 0;  // 0: never
  Fault fault = Fault::kOnce;
  absl::Status status;

  // The fault that this operation meets, if any. With `mutex` held.
  absl::Status Count() {
    ++operations;
    const bool hit =
        fail_at != 0 && (fault == Fault::kOnce ? operations == fail_at : operations >= fail_at);
    return hit ? status : absl::OkStatus();
  }
  Directory* ParentOf(const std::string& path) {
    const auto found = directories.find(ParentDirectory(path));
    return found == directories.end() ? nullptr : &found->second;
  }
  std::shared_ptr<Inode> Find(const std::string& path) {
    const Directory* directory = ParentOf(path);
    if (directory == nullptr) return nullptr;
    const auto found = directory->names.find(BaseName(path));
    return found == directory->names.end() ? nullptr : found->second;
  }
};

class FaultFileSystem::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<State> state, std::shared_ptr<Inode> inode, bool exclusive = false)
      : state_(std::move(state)), inode_(std::move(inode)), exclusive_(exclusive) {}
  ~OpenFile() override {
    if (!exclusive_) return;
    const std::lock_guard lock(state_->mutex);
    inode_->exclusive = false;
  }

  std::uint64_t size() const override {
    const std::lock_guard lock(state_->mutex);
    return inode_->data.size();
  }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override {
    const std::lock_guard lock(state_->mutex);
    if (absl::Status status = state_->Count(); !status.ok()) return status;
    return SpanSource(AsBytes(inode_->data)).ReadAt(offset, out);
  }
  absl::Status Append(Bytes bytes) override {
    const std::lock_guard lock(state_->mutex);
    absl::Status status = state_->Count();
    const absl::string_view text = AsText(status.ok() ? bytes : bytes.first(bytes.size() / 2));
    inode_->data.append(text.data(), text.size());
    return status;
  }
  absl::Status Sync() override {
    const std::lock_guard lock(state_->mutex);
    absl::Status status = state_->Count();
    if (status.ok()) inode_->synced_data = inode_->data;
    return status;
  }
  absl::Status Truncate(std::uint64_t size_bytes) override {
    const std::lock_guard lock(state_->mutex);
    absl::Status status = state_->Count();
    if (status.ok()) inode_->data.resize(size_bytes);
    return status;
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Inode> inode_;
  const bool exclusive_;
};

FaultFileSystem::FaultFileSystem() : state_(std::make_shared<State>()) {
  state_->directories["/"];
  state_->directories["."];
}

void FaultFileSystem::FailAt(std::uint64_t n, Fault fault, absl::Status status) {
  const std::lock_guard lock(state_->mutex);
  state_->fail_at = state_->operations + n;
  state_->fault = fault;
  state_->status = std::move(status);
}

void FaultFileSystem::Heal() {
  const std::lock_guard lock(state_->mutex);
  state_->fail_at = 0;
}

bool FaultFileSystem::fault_hit() const {
  const std::lock_guard lock(state_->mutex);
  return state_->fail_at != 0 && state_->operations >= state_->fail_at;
}

std::uint64_t FaultFileSystem::operations() const {
  const std::lock_guard lock(state_->mutex);
  return state_->operations;
}

void FaultFileSystem::set_free_bytes(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->free_bytes = bytes;
}

void FaultFileSystem::DropUnsynced() {
  const std::lock_guard lock(state_->mutex);
  for (const std::string& lost : state_->unsynced_directories) {
    std::erase_if(state_->directories, [&](const auto& entry) {
      return entry.first == lost || absl::StartsWith(entry.first, lost + "/");
    });
  }
  state_->unsynced_directories.clear();
  for (auto& [path, directory] : state_->directories) {
    directory.names = directory.synced_names;
    for (auto& [name, inode] : directory.names) inode->data = inode->synced_data;
  }
}

std::string FaultFileSystem::Contents(const std::string& path) const {
  const std::lock_guard lock(state_->mutex);
  const std::shared_ptr<Inode> inode = state_->Find(path);
  return inode == nullptr ? "" : inode->data;
}

void FaultFileSystem::Put(const std::string& path, absl::string_view contents) {
  const std::lock_guard lock(state_->mutex);
  auto inode = std::make_shared<Inode>();
  inode->data = inode->synced_data = std::string(contents);
  Directory& directory = state_->directories[ParentDirectory(path)];
  directory.names[BaseName(path)] = directory.synced_names[BaseName(path)] = inode;
}

bool FaultFileSystem::Exists(const std::string& path) const {
  const std::lock_guard lock(state_->mutex);
  return state_->Find(path) != nullptr;
}

absl::StatusOr<std::unique_ptr<File>> FaultFileSystem::Open(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  std::shared_ptr<Inode> inode = state_->Find(path);
  if (inode == nullptr) return NoSuchFile(path);
  return std::make_unique<OpenFile>(state_, std::move(inode));
}

absl::StatusOr<std::unique_ptr<File>> FaultFileSystem::OpenForRead(const std::string& path) {
  return Open(path);
}

absl::StatusOr<std::unique_ptr<File>> FaultFileSystem::OpenForAppend(const std::string& path) {
  return Open(path);
}

absl::StatusOr<std::unique_ptr<File>> FaultFileSystem::Create(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  Directory* directory = state_->ParentOf(path);
  if (directory == nullptr) return NoSuchFile(path);
  auto [entry, inserted] = directory->names.try_emplace(BaseName(path), nullptr);
  if (!inserted) return absl::AlreadyExistsError(absl::StrCat(path, ": File exists"));
  entry->second = std::make_shared<Inode>();
  return std::make_unique<OpenFile>(state_, entry->second);
}

absl::StatusOr<std::unique_ptr<File>> FaultFileSystem::OpenExclusively(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  Directory* directory = state_->ParentOf(path);
  if (directory == nullptr) return NoSuchFile(path);
  std::shared_ptr<Inode>& inode = directory->names[BaseName(path)];
  if (inode == nullptr) inode = std::make_shared<Inode>();
  if (inode->exclusive) return absl::FailedPreconditionError(absl::StrCat(path, ": is open"));
  inode->exclusive = true;
  return std::make_unique<OpenFile>(state_, inode, true);
}

absl::Status FaultFileSystem::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  std::shared_ptr<Inode> inode = state_->Find(from);
  Directory* target = state_->ParentOf(to);
  if (inode == nullptr || target == nullptr) return NoSuchFile(inode == nullptr ? from : to);
  state_->ParentOf(from)->names.erase(BaseName(from));
  target->names[BaseName(to)] = std::move(inode);
  return absl::OkStatus();
}

absl::Status FaultFileSystem::Remove(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  Directory* directory = state_->ParentOf(path);
  if (directory == nullptr || directory->names.erase(BaseName(path)) == 0) return NoSuchFile(path);
  return absl::OkStatus();
}

absl::Status FaultFileSystem::SyncDirectory(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  const auto found = state_->directories.find(path);
  if (found == state_->directories.end()) return NoSuchFile(path);
  found->second.synced_names = found->second.names;
  std::erase_if(state_->unsynced_directories,
                [&](const std::string& each) { return ParentDirectory(each) == path; });
  return absl::OkStatus();
}

absl::Status FaultFileSystem::CreateDirectories(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  absl::Status status = state_->Count();
  for (std::string each = path; each != "/" && each != "."; each = ParentDirectory(each)) {
    const bool created = state_->directories.try_emplace(each).second;
    if (created && !status.ok()) state_->unsynced_directories.insert(each);
  }
  return status;
}

absl::StatusOr<std::vector<std::string>> FaultFileSystem::List(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  const auto found = state_->directories.find(path);
  if (found == state_->directories.end()) return NoSuchFile(path);
  std::set<std::string> names;
  for (const auto& [name, inode] : found->second.names) names.insert(name);
  for (const auto& [other, directory] : state_->directories) {
    if (other != path && ParentDirectory(other) == path) names.insert(BaseName(other));
  }
  return std::vector<std::string>(names.begin(), names.end());
}

absl::StatusOr<std::uint64_t> FaultFileSystem::FreeBytes(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->Count(); !status.ok()) return status;
  if (state_->directories.count(path) == 0) return NoSuchFile(path);
  return state_->free_bytes;
}

}  // namespace marrow
