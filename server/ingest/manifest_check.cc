// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/manifest_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "vmm_backend/base/ulid.h"

namespace marrow {
namespace {

constexpr std::size_t kMaxNameBytes = 255;
constexpr std::size_t kMaxTextBytes = 4096;
constexpr std::size_t kMaxBuildIdDigits = 128;
constexpr int kMaxLabels = 64;
constexpr std::size_t kMaxLabelKeyBytes = 63;
// Many times what hosts send; empty entries are tiny on the wire and not in memory.
constexpr int kMaxEntries = 1 << 16;
// 2200-01-01: well inside what 64 bits of nanoseconds hold.
constexpr std::int64_t kMaxSeconds = 7'258'118'400;

absl::Status Invalid(absl::string_view field, absl::string_view rule) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat("manifest.", field, " ", rule)),
                    "MANIFEST_INVALID", {{"field", field}});
}

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

absl::Status CheckText(absl::string_view field, absl::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    return Invalid(field, absl::StrCat("must have at most ", max_bytes, " bytes"));
  }
  if (std::any_of(text.begin(), text.end(), IsControl)) {
    return Invalid(field, "must not contain control characters");
  }
  return absl::OkStatus();
}

absl::Status CheckName(absl::string_view field, absl::string_view text) {
  if (text.empty()) return Invalid(field, "must not be empty");
  return CheckText(field, text, kMaxNameBytes);
}

bool IsLabelKeyChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '/';
}

absl::Status CheckLabels(const v1::Vm& vm) {
  if (vm.labels_size() > kMaxLabels) {
    return Invalid("vm.labels", absl::StrCat("must have at most ", kMaxLabels, " entries"));
  }
  for (const auto& [key, value] : vm.labels()) {
    if (key.empty() || key.size() > kMaxLabelKeyBytes ||
        !std::all_of(key.begin(), key.end(), IsLabelKeyChar)) {
      return Invalid("vm.labels", absl::StrCat("must have keys of 1 to ", kMaxLabelKeyBytes,
                                               " letters, digits, '_', '-', '.' or '/'"));
    }
    if (absl::Status s = CheckText("vm.labels", value, kMaxNameBytes); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckCaptureTime(const v1::Manifest& manifest) {
  const auto& time = manifest.capture_time();
  if (!manifest.has_capture_time() || time.seconds() < 0 || time.seconds() > kMaxSeconds ||
      time.nanos() < 0 || time.nanos() >= 1'000'000'000) {
    return Invalid("capture_time", "must be a time between 1970 and 2200");
  }
  return absl::OkStatus();
}

absl::Status CheckKernel(const v1::Kernel& kernel) {
  if (absl::Status s = CheckText("kernel.release", kernel.release(), kMaxNameBytes); !s.ok()) {
    return s;
  }
  const std::string& id = kernel.build_id();
  const bool hex = std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  if (!hex || id.size() > kMaxBuildIdDigits) {
    return Invalid("kernel.build_id",
                   absl::StrCat("must be at most ", kMaxBuildIdDigits, " lower-case hex digits"));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(absl::string_view field, int count) {
  if (count <= kMaxEntries) return absl::OkStatus();
  return Invalid(field, absl::StrCat("must have at most ", kMaxEntries, " entries"));
}

absl::Status CheckRegions(const v1::Manifest& manifest) {
  if (absl::Status s = CheckCount("regions", manifest.regions_size()); !s.ok()) return s;
  for (const v1::Region& region : manifest.regions()) {
    if (absl::Status s = CheckText("regions.name", region.name(), kMaxNameBytes); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckMissing(const v1::Manifest& manifest) {
  if (absl::Status s = CheckCount("missing", manifest.missing_size()); !s.ok()) return s;
  for (const v1::Missing& missing : manifest.missing()) {
    if (absl::Status s = CheckText("missing.what", missing.what(), kMaxTextBytes); !s.ok()) {
      return s;
    }
    if (absl::Status s = CheckText("missing.why", missing.why(), kMaxTextBytes); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status CheckGraphRoots(const v1::Manifest& manifest) {
  if (absl::Status s = CheckCount("graph_roots", manifest.graph_roots_size()); !s.ok()) return s;
  for (const v1::GraphRoot& root : manifest.graph_roots()) {
    if (absl::Status s = CheckText("graph_roots.name", root.name(), kMaxNameBytes); !s.ok()) {
      return s;
    }
    if (absl::Status s = CheckText("graph_roots.truncated", root.truncated(), kMaxTextBytes);
        !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckManifest(const v1::Manifest& manifest) {
  if (!IsUlid(manifest.dump_id())) {
    return Invalid("dump_id", "must be a ULID in lower case (26 characters)");
  }
  if (manifest.trigger() == v1::TRIGGER_UNSPECIFIED) return Invalid("trigger", "must be set");
  for (const absl::Status& status :
       {CheckCaptureTime(manifest), CheckName("vm.name", manifest.vm().name()),
        CheckName("host.name", manifest.host().name()),
        CheckText("vm.uuid", manifest.vm().uuid(), kMaxNameBytes), CheckLabels(manifest.vm()),
        CheckKernel(manifest.kernel()),
        CheckText("trigger_detail", manifest.trigger_detail(), kMaxTextBytes),
        CheckText("host.marrow_version", manifest.host().marrow_version(), kMaxNameBytes),
        CheckText("boot_id", manifest.boot_id(), kMaxNameBytes),
        CheckText("panic.text", manifest.panic().text(), kMaxTextBytes),
        CheckCount("vcpus", manifest.vcpus_size()), CheckRegions(manifest),
        CheckGraphRoots(manifest), CheckMissing(manifest)}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace marrow
