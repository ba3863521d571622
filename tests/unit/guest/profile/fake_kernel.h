// SPDX-License-Identifier: Apache-2.0
// Kernels made of a few lines of text.
#pragma once

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "guest/profile/kernel_view.h"

namespace marrow::profile {

// Sparse memory: bytes that were not put there cannot be read.
class FakeMemory final : public KernelMemory {
 public:
  template <typename T>
  void Put(std::uint64_t gva, T value) {
    std::byte bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (const std::byte byte : bytes) bytes_[gva++] = byte;
  }

  bool Read(std::uint64_t gva, std::span<std::byte> out) const override {
    for (std::byte& byte : out) {
      const auto found = bytes_.find(gva++);
      if (found == bytes_.end()) return false;
      byte = found->second;
    }
    return true;
  }

 private:
  std::map<std::uint64_t, std::byte> bytes_;
};

inline constexpr std::uint64_t kImage = 0xffffffff81000000;      // 16 MiB at gpa 0x1000000
inline constexpr std::uint64_t kDirectMap = 0xffff888000000000;  // 1 GiB at gpa 0
inline constexpr std::uint64_t kVmalloc = 0xffffc90000000000;

// Two CPUs, the image and the direct map as above, and these symbols.
inline KernelView MakeView(const std::string& kallsyms, const KernelMemory* memory,
                           const std::string& vmcoreinfo = "") {
  KernelView view;
  view.kallsyms = Kallsyms::Parse(kallsyms);
  view.vmcoreinfo = Vmcoreinfo::Parse(vmcoreinfo);
  view.vmcoreinfo_gpa = 0x11f0000;
  view.vmcoreinfo_bytes = 0x1024;
  view.iomem = {{0x1000, 0xa0000, "System RAM"}, {0x100000, 0x40000000, "System RAM"}};
  view.linear = {{kDirectMap, 0, 1 << 30}, {kImage, 0x1000000, 16 << 20}};
  view.possible_cpus = {0, 1};
  view.memory = memory;
  return view;
}

// A folder that is removed again.
class TempFolder {
 public:
  TempFolder() {
    std::string path = (std::filesystem::temp_directory_path() / "marrow-agent-XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

  // Creates or replaces <folder>/<name> and the folders above it.
  void Write(const std::string& name, const std::string& content) {
    const std::filesystem::path file = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
  }

 private:
  std::string path_;
};

}  // namespace marrow::profile
