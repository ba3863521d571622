// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

namespace marrow::cli {

// "[=====>    ]  50%  1.5 MiB of 3.0 MiB".
std::string RenderProgress(std::uint64_t done_bytes, std::uint64_t total_bytes);

// A line of `out` that is written anew whenever its percentage changes, and ended by the
// destructor.
class ProgressBar {
 public:
  explicit ProgressBar(std::ostream& out) : out_(out) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  void Update(std::uint64_t done_bytes, std::uint64_t total_bytes);

 private:
  std::ostream& out_;
  std::optional<std::uint64_t> percent_;  // shown now
};

}  // namespace marrow::cli
