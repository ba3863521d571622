// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/posix/file_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "vmm_backend/posix/fd.h"

namespace marrow {
namespace {

absl::Status WithPath(const absl::Status& status, absl::string_view path) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

class PosixFile final : public File {
 public:
  PosixFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::uint64_t size() const override {
    struct stat info {};
    return ::fstat(fd_.get(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
  }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override {
    return WithPath(PreadAll(fd_.get(), offset, out), path_);
  }
  absl::Status Append(Bytes bytes) override { return WithPath(WriteAll(fd_.get(), bytes), path_); }
  absl::Status Sync() override {
    if (::fdatasync(fd_.get()) != 0) return ErrnoStatus(errno, absl::StrCat(path_, ": fdatasync"));
    return absl::OkStatus();
  }
  absl::Status Truncate(std::uint64_t size_bytes) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) {
      return ErrnoStatus(errno, absl::StrCat(path_, ": ftruncate"));
    }
    return absl::OkStatus();
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

absl::StatusOr<UniqueFd> OpenFd(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  return fd;
}

absl::StatusOr<std::unique_ptr<File>> OpenFile(const std::string& path, int flags) {
  absl::StatusOr<UniqueFd> fd = OpenFd(path, flags);
  if (!fd.ok()) return fd.status();
  return std::make_unique<PosixFile>(path, *std::move(fd));
}

bool IsNameOf(const std::string& path, int fd) {
  struct stat named {};
  struct stat open {};
  return ::lstat(path.c_str(), &named) == 0 && ::fstat(fd, &open) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

class PosixFileSystem final : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<File>> OpenForRead(const std::string& path) override {
    return OpenFile(path, O_RDONLY);
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path) override {
    return OpenFile(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForAppend(const std::string& path) override {
    return OpenFile(path, O_RDWR | O_APPEND);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenExclusively(const std::string& path) override {
    while (true) {
      absl::StatusOr<UniqueFd> fd = OpenFd(path, O_RDWR | O_CREAT | O_APPEND);
      if (!fd.ok()) return fd.status();
      if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("flock ", path));
        return absl::FailedPreconditionError(
            absl::StrCat(path, ": another process is writing it; wait until it is done"));
      }
      // An earlier holder may have renamed or removed it between open and flock.
      if (IsNameOf(path, fd->get())) return std::make_unique<PosixFile>(path, *std::move(fd));
    }
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return ErrnoStatus(errno, absl::StrCat("rename ", from, " to ", to));
    }
    return absl::OkStatus();
  }
  absl::Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return ErrnoStatus(errno, absl::StrCat("unlink ", path));
    return absl::OkStatus();
  }
  absl::Status SyncDirectory(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("open ", path));
    if (::fsync(fd.get()) != 0) return ErrnoStatus(errno, absl::StrCat("fsync ", path));
    return absl::OkStatus();
  }
  absl::Status CreateDirectories(const std::string& path) override {
    if (path.empty() || path == "/" || path == ".") return absl::OkStatus();
    if (::mkdir(path.c_str(), 0700) == 0) return SyncDirectory(ParentDirectory(path));
    if (errno == EEXIST) {
      std::error_code error;
      if (std::filesystem::is_directory(path, error)) return absl::OkStatus();
      return ErrnoStatus(ENOTDIR, absl::StrCat("mkdir ", path));
    }
    if (errno != ENOENT) return ErrnoStatus(errno, absl::StrCat("mkdir ", path));
    if (absl::Status parent = CreateDirectories(ParentDirectory(path)); !parent.ok()) return parent;
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
      return ErrnoStatus(errno, absl::StrCat("mkdir ", path));
    }
    return SyncDirectory(ParentDirectory(path));
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
         entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return ErrnoStatus(error.value(), absl::StrCat("list ", path));
    std::sort(names.begin(), names.end());
    return names;
  }
  absl::StatusOr<std::uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) {
      return ErrnoStatus(errno, absl::StrCat("statvfs ", path));
    }
    return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  }
};

absl::Status WriteAndSync(FileSystem& files, const std::string& path, Bytes bytes) {
  absl::StatusOr<std::unique_ptr<File>> file = files.Create(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Append(bytes); !status.ok()) return status;
  return (*file)->Sync();
}

}  // namespace

std::unique_ptr<FileSystem> MakePosixFileSystem() { return std::make_unique<PosixFileSystem>(); }

absl::Status WriteFileDurably(FileSystem& files, const std::string& path, Bytes bytes) {
  const std::string temporary = path + ".tmp";
  // A leftover of an earlier crash; that there is none is the usual case.
  (void)files.Remove(temporary);
  absl::Status status = WriteAndSync(files, temporary, bytes);
  if (status.ok()) status = files.Rename(temporary, path);
  if (!status.ok()) {
    (void)files.Remove(temporary);  // best effort: the error that matters is `status`
    return status;
  }
  return files.SyncDirectory(ParentDirectory(path));
}

absl::StatusOr<std::string> ReadWholeFile(FileSystem& files, const std::string& path,
                                          std::uint64_t limit_bytes) {
  absl::StatusOr<std::unique_ptr<File>> file = files.OpenForRead(path);
  if (!file.ok()) return file.status();
  const std::uint64_t size = (*file)->size();
  if (size > limit_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, " has ", size, " bytes; at most ", limit_bytes, " are read"));
  }
  std::string text(size, '\0');
  absl::Status status = (*file)->ReadAt(0, std::as_writable_bytes(std::span(text)));
  if (!status.ok()) return status;
  return text;
}

std::string ParentDirectory(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace marrow
