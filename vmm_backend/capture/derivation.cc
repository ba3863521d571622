// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/derivation.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "guest/profile/shipped.h"
#include "vmm_backend/core/guest_text.h"

namespace marrow {
namespace {

// Told one by one; a kernel that lacks more lacks all.
constexpr std::size_t kMostLines = 32;
// Lines hold names that the guest chose, and a store refuses manifests with endless texts.
constexpr std::size_t kMostLineBytes = 512;

std::string Cut(absl::string_view line) { return GuestText(line.substr(0, kMostLineBytes)); }

absl::StatusOr<profile::Profile> ShippedProfile() {
  constexpr absl::string_view kName = "crash";
  const auto text = profile::FindShippedProfile({kName.data(), kName.size()});
  auto parsed = profile::ParseProfile(text.value_or(""), {kName.data(), kName.size()});
  if (!parsed.ok()) return absl::InternalError(parsed.error());
  return *std::move(parsed);
}

}  // namespace

absl::StatusOr<DerivedTable> DeriveWithoutAgent(const DerivationInput& input) {
  profile::Profile shipped;
  if (input.profile == nullptr) {
    absl::StatusOr<profile::Profile> parsed = ShippedProfile();
    if (!parsed.ok()) return parsed.status();
    shipped = *std::move(parsed);
  }
  DeriveInput derive{
      .read = [&input](Gpa gpa, MutableBytes out) { return input.memory.Read(gpa, out); },
      .ram = &input.memory.ram(),
      .vmcoreinfo = input.vmcoreinfo,
      .vcpus = &input.vcpus,
      .profile = input.profile == nullptr ? &shipped : input.profile,
      .limits = {},
      .clock = input.clock};
  derive.limits.table = input.limits;
  return DeriveTable(derive);
}

void AddDerivationLosses(const DerivedTable& derived, std::vector<MissingPart>& missing) {
  missing.push_back({.what = "region table of an agent",
                     .why = absl::StrCat("none; derived from ", derived.made_of)});
  for (const std::string& loss : derived.lost) {
    missing.push_back({.what = "derived region table", .why = Cut(loss)});
  }
  for (std::size_t i = 0; i < derived.missing_lines.size() && i < kMostLines; ++i) {
    missing.push_back({.what = "profile line", .why = Cut(derived.missing_lines[i])});
  }
  if (derived.missing_lines.size() > kMostLines) {
    missing.push_back(
        {.what = absl::StrCat(derived.missing_lines.size() - kMostLines, " further profile lines"),
         .why = "not listed one by one"});
  }
}

}  // namespace marrow
