// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "vmm_backend/capture/guest_memory.h"
#include "vmm_backend/posix/fd.h"
#include "vmm_backend/sys/process.h"

namespace marrow {

// Where a RAM range lies in its VMM's address space.
struct RamPlacement {
  GpaRange range;
  std::uint64_t hva = 0;  // the VMM's address of range.begin
};

// Guest RAM of a VMM process. Shared file or memfd backends are read with pread from a descriptor
// of our own: holes stay holes, and the memory outlives the VMM. Other memory (private, or shared
// without a descriptor to be found) is read with
// process_vm_readv and dies with the VMM.
class ProcessMemory final : public GuestMemory {
 public:
  // `process` must outlive the memory.
  static absl::StatusOr<std::unique_ptr<ProcessMemory>> Open(
      const Process& process, std::span<const RamPlacement> placements);

  const RamMap& ram() const override { return ram_; }
  absl::Status Read(Gpa gpa, MutableBytes out) const override;

  // True if every range is file-backed: the memory can be read after the VMM's death.
  bool outlives_process() const;

 private:
  struct Chunk {
    GpaRange range;
    int fd = -1;           // -1: read through the process
    std::uint64_t at = 0;  // file offset, or the VMM's address
  };

  explicit ProcessMemory(const Process& process) : process_(&process) {}
  absl::Status AddPlacement(const RamPlacement& placement,
                            const std::vector<ProcessMapping>& mappings);
  absl::StatusOr<int> FileOf(const ProcessMapping& mapping);
  const Chunk* Find(std::uint64_t address) const;
  absl::Status ReadProcess(std::uint64_t address, MutableBytes out) const;

  const Process* process_;
  RamMap ram_;
  std::vector<Chunk> chunks_;                                          // sorted by address
  std::map<std::pair<std::uint64_t, std::uint64_t>, UniqueFd> files_;  // by device and inode
};

}  // namespace marrow
