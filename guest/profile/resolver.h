// SPDX-License-Identifier: Apache-2.0
// Profile and kernel in, region list out. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "guest/profile/kernel_view.h"
#include "guest/profile/profile.h"

namespace marrow::profile {

struct RegionSpec {
  marrow_address_kind kind = MARROW_ADDRESS_GPA;
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  marrow_region_class region_class = MARROW_CLASS_KERNEL_DATA;
  std::string name;

  bool operator==(const RegionSpec&) const = default;
};

struct Resolution {
  std::vector<RegionSpec> regions;   // in the profile's order, none twice
  std::vector<std::string> missing;  // directives that gave nothing, and why
  std::vector<std::string> skipped;  // as above, but marked optional
};

Resolution Resolve(const Profile& profile, const KernelView& view);

}  // namespace marrow::profile
