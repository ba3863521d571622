// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/sys/process_memory.h"

#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_format.h"

namespace marrow {

absl::StatusOr<std::unique_ptr<ProcessMemory>> ProcessMemory::Open(
    const Process& process, std::span<const RamPlacement> placements) {
  const auto mappings = process.Mappings();
  if (!mappings.ok()) return mappings.status();
  std::unique_ptr<ProcessMemory> memory(new ProcessMemory(process));
  std::vector<GpaRange> ranges;
  for (const RamPlacement& placement : placements) {
    absl::Status status = memory->AddPlacement(placement, *mappings);
    if (!status.ok()) return status;
    ranges.push_back(placement.range);
  }
  absl::StatusOr<RamMap> ram = RamMap::Make(std::move(ranges));
  if (!ram.ok()) return ram.status();
  memory->ram_ = *std::move(ram);
  std::sort(memory->chunks_.begin(), memory->chunks_.end(),
            [](const Chunk& a, const Chunk& b) { return a.range.begin < b.range.begin; });
  return memory;
}

absl::Status ProcessMemory::AddPlacement(const RamPlacement& placement,
                                         const std::vector<ProcessMapping>& mappings) {
  const auto pieces = CutMappings(mappings, placement.hva, placement.range.bytes);
  if (!pieces.ok()) return pieces.status();
  for (const ProcessMapping& piece : *pieces) {
    Chunk chunk{.range = {Gpa{Raw(placement.range.begin) + (piece.begin - placement.hva)},
                          piece.end - piece.begin}};
    const absl::StatusOr<int> fd =
        piece.shared && piece.inode != 0 ? FileOf(piece) : absl::NotFoundError("anonymous");
    if (!fd.ok() && !absl::IsNotFound(fd.status())) return fd.status();
    chunk.fd = fd.value_or(-1);
    chunk.at = fd.ok() ? piece.file_offset : piece.begin;
    chunks_.push_back(chunk);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> ProcessMemory::FileOf(const ProcessMapping& mapping) {
  const auto key = std::pair(makedev(static_cast<unsigned>(mapping.device_major),
                                     static_cast<unsigned>(mapping.device_minor)),
                             mapping.inode);
  auto found = files_.find(key);
  if (found == files_.end()) {
    absl::StatusOr<UniqueFd> fd = process_->DuplicateFile(mapping);
    if (!fd.ok()) return fd.status();
    found = files_.emplace(key, *std::move(fd)).first;
  }
  return found->second.get();
}

bool ProcessMemory::outlives_process() const {
  return std::all_of(chunks_.begin(), chunks_.end(), [](const Chunk& c) { return c.fd >= 0; });
}

const ProcessMemory::Chunk* ProcessMemory::Find(std::uint64_t address) const {
  const auto after = std::upper_bound(
      chunks_.begin(), chunks_.end(), address,
      [](std::uint64_t value, const Chunk& chunk) { return value < Raw(chunk.range.begin); });
  if (after == chunks_.begin() || std::prev(after)->range.end() <= address) return nullptr;
  return &*std::prev(after);
}

absl::Status ProcessMemory::Read(Gpa gpa, MutableBytes out) const {
  std::uint64_t address = Raw(gpa);
  while (!out.empty()) {
    const Chunk* chunk = Find(address);
    if (chunk == nullptr) {
      return absl::OutOfRangeError(absl::StrFormat("gpa %#x is not RAM", address));
    }
    const std::uint64_t offset = address - Raw(chunk->range.begin);
    const std::uint64_t count = std::min<std::uint64_t>(out.size(), chunk->range.bytes - offset);
    absl::Status status = chunk->fd >= 0 ? PreadAll(chunk->fd, chunk->at + offset, out.first(count))
                                         : ReadProcess(chunk->at + offset, out.first(count));
    if (!status.ok()) return status;
    out = out.subspan(count);
    address += count;
  }
  return absl::OkStatus();
}

absl::Status ProcessMemory::ReadProcess(std::uint64_t address, MutableBytes out) const {
  if (process_->HasEnded()) {
    return absl::UnavailableError(
        "guest RAM was private to the VMM process and died with it; back it with a shared memfd "
        "(-object memory-backend-memfd,share=on) to keep it");
  }
  while (!out.empty()) {
    iovec local{.iov_base = out.data(), .iov_len = out.size()};
    // SAFETY: an address of the other process, never dereferenced here.
    iovec remote{.iov_base = reinterpret_cast<void*>(address), .iov_len = out.size()};
    const ssize_t n = ::process_vm_readv(process_->pid(), &local, 1, &remote, 1, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ErrnoStatus(n < 0 ? errno : EFAULT, "process_vm_readv");
    out = out.subspan(static_cast<std::size_t>(n));
    address += static_cast<std::uint64_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace marrow
