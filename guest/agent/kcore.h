// SPDX-License-Identifier: Apache-2.0
// /proc/kcore: the running kernel as an ELF64 core file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "guest/agent/unique_fd.h"
#include "guest/profile/kernel_view.h"
#include "guest/profile/result.h"

namespace marrow::agent {

using profile::KernelMemory;
using profile::LinearRange;
using profile::Result;

struct KcoreSegment {
  std::uint64_t gva = 0;
  std::uint64_t gpa = 0;  // kNoGpa where the kernel does not say
  std::uint64_t bytes = 0;
  std::uint64_t file_offset = 0;
};

inline constexpr std::uint64_t kNoGpa = UINT64_MAX;

struct KcoreHeader {
  std::vector<KcoreSegment> segments;
  std::string vmcoreinfo;  // "" where the kernel puts no such note into kcore (before 4.19)
};

// `start` is the beginning of the file, through the end of its notes. Pure.
Result<KcoreHeader> ParseKcoreHeader(std::span<const std::byte> start);

// Thread-safe.
class Kcore final : public KernelMemory {
 public:
  static Result<std::unique_ptr<Kcore>> Open(const std::string& path);

  bool Read(std::uint64_t gva, std::span<std::byte> out) const override;
  const KcoreHeader& header() const { return header_; }
  // The segments whose physical addresses are known, sorted by gva.
  std::vector<LinearRange> LinearRanges() const;

 private:
  Kcore(UniqueFd file, KcoreHeader header);

  UniqueFd file_;
  KcoreHeader header_;
};

}  // namespace marrow::agent
