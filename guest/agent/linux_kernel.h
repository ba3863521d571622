// SPDX-License-Identifier: Apache-2.0
// The running kernel as a KernelView, and what could not be learnt of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "guest/agent/kcore.h"
#include "guest/profile/kernel_types.h"
#include "guest/profile/kernel_view.h"

namespace marrow::agent {

using profile::KernelView;

struct LinuxKernel {
  std::unique_ptr<Kcore> kcore;  // view.memory; null if it cannot be opened
  KernelView view;
  std::unique_ptr<profile::KernelTypes> types;  // never null; tells nothing without BTF
  // One sentence each: which source is missing, what is lost without it, what to do.
  std::vector<std::string> losses;
};

// Reads <root>/proc and <root>/sys; `root` is "" but for tests. Never fails: a kernel that tells
// nothing gives an empty view and a list of losses.
LinuxKernel LoadKernel(const std::string& root);

// Which modules are loaded and where, without their use counts, so that two texts of /proc/modules
// compare equal exactly if no module came or went.
std::string ModuleFingerprint(std::string_view proc_modules);

}  // namespace marrow::agent
