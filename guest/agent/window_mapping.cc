// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/window_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "guest/agent/files.h"
#include "guest/agent/unique_fd.h"
#include "guest/profile/scan.h"

namespace marrow::agent {

using profile::Failure;
using profile::Trim;
namespace {

constexpr std::string_view kIvshmemVendor = "0x1af4";
constexpr std::string_view kIvshmemDevice = "0x1110";

bool FileSays(const std::string& path, std::string_view expected) {
  const auto text = ReadFile(path);
  return text.ok() && Trim(*text) == expected;
}

std::vector<std::string> IvshmemDevices(const std::string& root) {
  std::vector<std::string> found;
  std::error_code error;
  const std::filesystem::directory_iterator devices(root + "/sys/bus/pci/devices", error);
  if (error) return found;
  for (const auto& device : devices) {
    const std::string path = device.path().string();
    if (FileSays(path + "/vendor", kIvshmemVendor) && FileSays(path + "/device", kIvshmemDevice)) {
      found.push_back(path);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// "1" to `enable` makes the device answer to its BARs. Reading and writing say why if they cannot.
void EnableDevice(const std::string& device) {
  const UniqueFd file(open((device + "/enable").c_str(), O_WRONLY | O_CLOEXEC));
  if (file.ok()) [[maybe_unused]]
    const ssize_t done = write(file.get(), "1", 1);
}

}  // namespace

Result<WindowMapping> WindowMapping::OpenFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.ok()) {
    const bool forbidden = errno == EACCES;
    return Failure{path + ": " + std::strerror(errno) + (forbidden ? " (run as root)" : "")};
  }
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return Failure{path + ": " + std::strerror(errno)};
  const auto bytes = static_cast<std::size_t>(
      std::clamp<off_t>(status.st_size, 0, static_cast<off_t>(MARROW_WINDOW_MAX_BYTES)));
  if (bytes < MARROW_WINDOW_MIN_BYTES) return Failure{path + ": too small for a window"};
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) {
    const bool locked_down = errno == EPERM;
    return Failure{path + ": " + std::strerror(errno) +
                   (locked_down
                        ? " (kernel lockdown keeps user space from mapping PCI memory: boot "
                          "without lockdown, or without Secure Boot)"
                        : "")};
  }
  WindowMapping mapping(memory, bytes, path);
  if (const auto error = mapping.Reattach(); error != guest::Error::kNone) {
    return Failure{path + ": " + guest::Describe(error)};
  }
  return mapping;
}

// resource2, which the kernel maps uncached, and never resource2_wc: write-combining may reorder
// and delay stores, and the window's sequence counter relies on their order.
Result<WindowMapping> WindowMapping::FindDevice(const std::string& root) {
  const auto devices = IvshmemDevices(root);
  if (devices.empty()) {
    return Failure{
        "this machine has no ivshmem device (PCI 1af4:1110): give the VM a window, with QEMU "
        "-object memory-backend-file,id=marrow,size=64K,share=on,mem-path=FILE "
        "-device ivshmem-plain,memdev=marrow"};
  }
  std::string reasons;
  for (const std::string& device : devices) {
    EnableDevice(device);
    auto mapping = OpenFile(device + "/resource2");
    if (mapping.ok()) return mapping;
    reasons += "\n  " + mapping.error();
  }
  return Failure{"none of this machine's ivshmem devices is a Marrow window; is marrowd running?" +
                 reasons};
}

WindowMapping::WindowMapping(WindowMapping&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      bytes_(other.bytes_),
      path_(std::move(other.path_)),
      window_(std::exchange(other.window_, guest::Window())) {}

WindowMapping& WindowMapping::operator=(WindowMapping&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  std::swap(path_, other.path_);
  std::swap(window_, other.window_);
  return *this;
}

WindowMapping::~WindowMapping() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

}  // namespace marrow::agent
