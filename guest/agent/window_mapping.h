// SPDX-License-Identifier: Apache-2.0
// Finds and maps the window: BAR 2 of an ivshmem-plain PCI device, or a file for tests.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "guest/profile/result.h"
#include "marrow/guest.h"

namespace marrow::agent {

using profile::Result;

// Mapped memory that holds a host-formatted window. Unmapped by its destructor.
class WindowMapping {
 public:
  // Maps `path` whole and attaches to it.
  static Result<WindowMapping> OpenFile(const std::string& path);

  // The first device of <root>/sys/bus/pci/devices, by name, with PCI id 1af4:1110 whose BAR 2
  // holds the host's header. The failure tells of each candidate why it was not taken. Enables the
  // candidates' memory decoding. `root` is "" but for tests.
  static Result<WindowMapping> FindDevice(const std::string& root);

  WindowMapping(WindowMapping&& other) noexcept;
  WindowMapping& operator=(WindowMapping&& other) noexcept;
  ~WindowMapping();

  // Attached, not claimed. Valid while this object lives.
  guest::Window& window() { return window_; }
  const std::string& path() const { return path_; }
  // As Attach on first opening: after the host has formatted the window anew.
  guest::Error Reattach() { return window_.Attach(memory_, bytes_); }

 private:
  WindowMapping(void* memory, std::size_t bytes, std::string path)
      : memory_(memory), bytes_(bytes), path_(std::move(path)) {}

  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::string path_;
  guest::Window window_;
};

}  // namespace marrow::agent
