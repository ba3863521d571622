// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/config.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "vmm_backend/daemon/yaml_mapping.h"

namespace marrow {
namespace {

constexpr std::size_t kMaxYamlBytes = 4 << 20;
constexpr std::size_t kMaxLabels = 64;
// What stores take.
constexpr std::size_t kMaxLabelKeyBytes = 63;
constexpr std::size_t kMaxLabelValueBytes = 255;

void ReadStore(YamlMapping& yaml, StoreTarget& store) {
  yaml.Read("address", ParseText, &store.address);
  yaml.Read("tls_ca", ParsePath, &store.tls_ca_path);
  yaml.Read("tls_certificate", ParsePath, &store.tls_certificate_path);
  yaml.Read("tls_key", ParsePath, &store.tls_key_path);
  if (absl::Status status = CheckStoreTarget(store); !status.ok()) {
    yaml.Fail("address", status.message());
  }
}

void ReadSpool(YamlMapping& yaml, SpoolOptions& spool) {
  yaml.Read("directory", ParsePath, &spool.directory);
  yaml.Read("max_bytes", ParseByteSize, &spool.max_bytes);
  yaml.Read("max_entries", ParseCount, &spool.max_entries);
  yaml.Read("min_free", ParseByteSize, &spool.min_free_bytes);
}

void ReadLimits(YamlMapping& yaml, LimitsConfig& limits) {
  std::uint64_t regions = limits.table.regions;
  yaml.Read("max_regions", ParseCount, &regions);
  limits.table.regions = static_cast<std::uint32_t>(regions);
  yaml.Read("max_region_bytes", ParseByteSize, &limits.capture.region_bytes);
  yaml.Read("max_capture_bytes", ParseByteSize, &limits.capture.capture_bytes);
}

void ReadLabels(YamlMapping& yaml, std::map<std::string, std::string>& labels) {
  yaml.ReadAll([&labels](absl::string_view key, absl::string_view value) -> absl::Status {
    absl::StatusOr<std::string> name = ParseName(key);
    if (!name.ok()) return name.status();
    if (key.size() > kMaxLabelKeyBytes || value.size() > kMaxLabelValueBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a label's name has at most ", kMaxLabelKeyBytes, " bytes, its value ",
                       kMaxLabelValueBytes, "; these have ", key.size(), " and ", value.size()));
    }
    if (std::any_of(value.begin(), value.end(),
                    [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); })) {
      return absl::InvalidArgumentError("a label's value must not contain control characters");
    }
    labels[*name] = std::string(value);
    return absl::OkStatus();
  });
  if (labels.size() > kMaxLabels) {
    yaml.Fail("", absl::StrCat("has ", labels.size(), " labels; a VM has at most ", kMaxLabels));
  }
}

VmConfig ReadVm(YamlMapping& yaml) {
  VmConfig vm;
  yaml.Require("name");
  yaml.Require("qmp");
  yaml.Require("window");
  yaml.Read("name", ParseName, &vm.name);
  yaml.Read("qmp", ParseSocketPath, &vm.qmp_path);
  yaml.Read("window", ParsePath, &vm.window_path);
  yaml.Read("window_size", ParseWindowSize, &vm.window_bytes);
  yaml.Read("after", ParseAfterCapture, &vm.after);
  yaml.Read("heartbeat_misses", ParseCount, &vm.heartbeat_misses);
  yaml.Read("min_heartbeat_deadline", ParseDuration, &vm.min_heartbeat_deadline);
  yaml.Read("capture_on_reset", ParseBool, &vm.capture_on_reset);
  ClassSet excluded;
  const auto exclude = [&excluded](absl::string_view text) {
    absl::StatusOr<marrow_region_class> region_class = ParseRegionClass(text);
    if (region_class.ok()) excluded.set(static_cast<std::size_t>(*region_class));
    return region_class.status();
  };
  if (yaml.ReadScalars("exclude_classes", exclude)) vm.excluded_classes = excluded;
  yaml.ReadMapping("labels", [&vm](YamlMapping& labels) { ReadLabels(labels, vm.labels); });
  return vm;
}

// Two VMs with one name, socket or window would take each other's dumps.
void CheckUnique(YamlMapping& yaml, const std::vector<VmConfig>& vms, const VmConfig& vm) {
  for (const VmConfig& other : vms) {
    const auto check = [&](absl::string_view key, const std::string& ours,
                           const std::string& theirs) {
      if (ours == theirs) {
        yaml.Fail(key, absl::StrCat("\"", ours, "\" is already that of VM ", other.name,
                                    ": each VM needs its own"));
      }
    };
    check("name", vm.name, other.name);
    check("qmp", vm.qmp_path, other.qmp_path);
    check("window", vm.window_path, other.window_path);
  }
}

void ReadDocument(YamlMapping& yaml, DaemonConfig& config) {
  yaml.Read("host", ParseName, &config.host_name);
  yaml.Read("control", ParseSocketPath, &config.control_path);
  yaml.Read("log_level", ParseLogLevel, &config.log_level);
  yaml.ReadMapping("store", [&](YamlMapping& store) { ReadStore(store, config.store); });
  yaml.ReadMapping("spool", [&](YamlMapping& spool) { ReadSpool(spool, config.spool); });
  yaml.ReadMapping("limits", [&](YamlMapping& limits) { ReadLimits(limits, config.limits); });
  yaml.Require("vms");
  yaml.ReadMappings("vms", [&](YamlMapping& entry) {
    VmConfig vm = ReadVm(entry);
    CheckUnique(entry, config.vms, vm);
    config.vms.push_back(std::move(vm));
  });
  if (config.vms.empty()) yaml.Fail("vms", "is empty: list at least one VM to watch");
  if (config.limits.capture.capture_bytes > config.spool.max_bytes) {
    yaml.Fail("limits", absl::StrCat("max_capture_bytes is ", config.limits.capture.capture_bytes,
                                     " and the spool's max_bytes only ", config.spool.max_bytes,
                                     ": a dump of that size could never be kept"));
  }
}

}  // namespace

absl::StatusOr<DaemonConfig> ParseConfig(absl::string_view yaml, absl::string_view host_name) {
  if (yaml.size() > kMaxYamlBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the configuration has ", yaml.size(),
                                                   " bytes; at most ", kMaxYamlBytes, " are read"));
  }
  DaemonConfig config;
  config.host_name = std::string(host_name);
  absl::Status error;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(yaml));
    if (documents.size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat("the configuration holds ", documents.size(),
                                                     " YAML documents: write exactly one"));
    }
    YamlMapping document(documents[0], "", &error);
    ReadDocument(document, config);
    document.Finish();
  } catch (const YAML::Exception& exception) {
    return YamlError(exception.mark, "", exception.msg);
  }
  if (!error.ok()) return error;
  if (absl::Status status = ParseName(config.host_name).status(); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the machine's host name ", status.message(), "; set `host`"));
  }
  return config;
}

}  // namespace marrow
