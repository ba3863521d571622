// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "guest/profile/kernel_types.h"

namespace marrow::agent {

// The running kernel's types and those of its modules, from <root>/sys/kernel/btf. Never null:
// without BTF a kernel that tells nothing. Appends to `losses` what is missing and what that costs.
std::unique_ptr<profile::KernelTypes> LoadTypes(const std::string& root,
                                                std::vector<std::string>* losses);

}  // namespace marrow::agent
