// SPDX-License-Identifier: Apache-2.0
// Where the kernel log lives (kernel/printk/printk_ringbuffer.h, since 5.10): a descriptor ring,
// its infos and a text ring, static at first and reallocated for large log_buf_len or many CPUs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/profile/kernel_view.h"
#include "guest/profile/result.h"

namespace marrow::profile {

struct NamedRange {
  std::string name;
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

// The gva ranges of the variable `prb`, the structure it points to, descriptors, infos and text.
Result<std::vector<NamedRange>> FollowPrintkRing(const KernelView& view);

}  // namespace marrow::profile
