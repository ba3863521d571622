// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/load_profile.h"

#include <string_view>

#include "guest/agent/files.h"
#include "guest/profile/shipped.h"

namespace marrow::agent {

using profile::Failure;
using profile::ParseProfile;
using profile::Profile;
using profile::Result;

Result<Profile> LoadProfile(const std::string& name_or_file) {
  if (const auto shipped = profile::FindShippedProfile(name_or_file)) {
    return ParseProfile(*shipped, name_or_file + ".profile");
  }
  const auto text = ReadFile(name_or_file);
  if (text.ok()) return ParseProfile(*text, name_or_file);
  std::string names;
  for (const std::string_view name : profile::ShippedProfileNames()) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return Failure{text.error() + " (and no profile of that name is compiled in: " + names + ")"};
}

}  // namespace marrow::agent
