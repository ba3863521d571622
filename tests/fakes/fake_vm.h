// SPDX-License-Identifier: Apache-2.0
// A VM in memory: RAM that is a map of pages, a VMM that records what it is told, a window that the
// real guest library can write.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "vmm_backend/capture/guest_memory.h"
#include "vmm_backend/capture/host_window.h"
#include "vmm_backend/capture/vm_control.h"

namespace marrow {

class FakeGuestMemory final : public GuestMemory {
 public:
  explicit FakeGuestMemory(std::vector<GpaRange> ranges);

  const RamMap& ram() const override { return ram_; }
  absl::Status Read(Gpa gpa, MutableBytes out) const override;

  void Write(std::uint64_t gpa, absl::string_view bytes);
  void WriteWord(std::uint64_t gpa, std::uint64_t word);
  // Reads that touch the page fail from now on.
  void Break(std::uint64_t page) { broken_.insert(page); }
  std::uint64_t reads() const { return reads_; }

 private:
  RamMap ram_;
  std::map<std::uint64_t, std::string> pages_;  // absent: zeros
  std::set<std::uint64_t> broken_;
  mutable std::uint64_t reads_ = 0;
};

class FakeVmControl final : public VmControl {
 public:
  bool running = true;
  std::vector<VcpuState> vcpus;
  std::string vmcoreinfo;  // told with the registers of a stopped VM
  absl::Status next_error;  // returned by every call while it is not OK
  std::vector<std::string> calls;

  absl::StatusOr<bool> Pause() override;
  absl::Status Resume() override;
  absl::Status Reset() override;
  absl::Status Destroy() override;
  absl::StatusOr<StoppedVm> ReadStopped() override;
  absl::StatusOr<std::vector<VcpuState>> ReadRunningVcpus() override;

 private:
  absl::Status Record(const char* call);
};

// Formatted as a host does. Safe to write through guest() while another thread reads it.
class FakeWindow final : public HostWindow {
 public:
  explicit FakeWindow(std::size_t bytes = 4096);

  std::uint64_t size() const override { return bytes_; }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override;
  absl::Status WriteAck(const marrow_host_ack& ack) override;
  absl::Status ClearGuest() override;

  void* guest() { return words_.data(); }
  marrow_host_ack ack() const;
  void Corrupt(std::size_t offset);

 private:
  struct alignas(64) Line {
    std::array<std::uint64_t, 8> words{};
  };
  std::uint64_t* Word(std::size_t index) { return &words_[index / 8].words[index % 8]; }
  const std::uint64_t* Word(std::size_t index) const { return &words_[index / 8].words[index % 8]; }

  std::size_t bytes_;
  std::vector<Line> words_;
};

}  // namespace marrow
