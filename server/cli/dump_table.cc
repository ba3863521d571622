// SPDX-License-Identifier: Apache-2.0
#include "server/cli/dump_table.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/cli/units.h"

namespace marrow::cli {
namespace {

std::string TriggerText(const v1::Manifest& manifest) {
  return HumanEnum(v1::Trigger_Name(manifest.trigger()), "TRIGGER_");
}

std::string StateText(const v1::Dump& dump) {
  return HumanEnum(v1::DumpState_Name(dump.state()), "DUMP_STATE_");
}

std::string OrEmpty(std::uint64_t number, std::string (*format)(std::uint64_t)) {
  return number == 0 ? "" : format(number);
}

std::string LabelsText(const v1::Vm& vm) {
  std::vector<std::string> labels;
  for (const auto& [key, value] : vm.labels()) labels.push_back(absl::StrCat(key, "=", value));
  std::sort(labels.begin(), labels.end());
  return absl::StrJoin(labels, ", ");
}

std::string RegistersText(const v1::Manifest& manifest) {
  const std::string source =
      HumanEnum(v1::RegisterSource_Name(manifest.register_source()), "REGISTER_SOURCE_");
  return source.empty() ? "" : absl::StrCat(manifest.vcpus_size(), " vCPUs, ", source);
}

std::string PanicText(const v1::Manifest& manifest) {
  if (!manifest.has_panic()) return "";
  const v1::PanicRecord& panic = manifest.panic();
  return absl::StrCat("cpu ", panic.cpu(), ", ip ", HumanAddress(panic.ip()),
                      panic.text().empty() ? "" : ", ", panic.text());
}

std::string MissingTable(const v1::Manifest& manifest) {
  if (manifest.missing().empty()) return "";
  Table table({{"MISSING"}, {"ADDRESS", Align::kRight}, {"SIZE", Align::kRight}, {"WHY"}});
  for (const v1::Missing& missing : manifest.missing()) {
    table.AddRow({missing.what(), OrEmpty(missing.address(), HumanAddress),
                  OrEmpty(missing.size_bytes(), HumanBytes), missing.why()});
  }
  return "\n" + table.Render();
}

}  // namespace

Table MakeDumpTable() {
  return Table({{"ID"},
                {"CAPTURED (UTC)"},
                {"VM"},
                {"HOST"},
                {"TRIGGER"},
                {"STATE"},
                {"CORE", Align::kRight},
                {"STORED", Align::kRight},
                {"KERNEL"},
                {"TITLE"}});
}

void AddDump(Table& table, const v1::Dump& dump) {
  const v1::Manifest& manifest = dump.manifest();
  table.AddRow({manifest.dump_id(), HumanTime(manifest.capture_time()), manifest.vm().name(),
                manifest.host().name(), TriggerText(manifest), StateText(dump),
                HumanBytes(dump.core_bytes()), HumanBytes(dump.stored_bytes()),
                manifest.kernel().release(), dump.title()});
}

std::string DescribeDump(const v1::Dump& dump) {
  const v1::Manifest& m = dump.manifest();
  std::uint64_t marked_bytes = 0;
  for (const v1::Region& region : m.regions()) marked_bytes += region.size_bytes();
  const auto stopped = m.stats().has_stopped() ? HumanMilliseconds(m.stats().stopped()) : "";
  const auto capture = m.stats().has_capture() ? HumanMilliseconds(m.stats().capture()) : "";
  return absl::StrCat(
      RenderPairs({
          {"name", dump.name()},
          {"title", dump.title()},
          {"state", StateText(dump)},
          {"captured", absl::StrCat(HumanTime(m.capture_time()), " UTC")},
          {"received", absl::StrCat(HumanTime(dump.receive_time()), " UTC")},
          {"vm", m.vm().name()},
          {"vm uuid", m.vm().uuid()},
          {"vm memory", OrEmpty(m.vm().ram_bytes(), HumanBytes)},
          {"labels", LabelsText(m.vm())},
          {"host", m.host().name()},
          {"marrow", m.host().marrow_version()},
          {"trigger", TriggerText(m)},
          {"trigger detail", m.trigger_detail()},
          {"kernel", m.kernel().release()},
          {"build-id", m.kernel().build_id()},
          {"kaslr offset", OrEmpty(m.kernel().kaslr_offset(), HumanAddress)},
          {"phys_base", OrEmpty(m.kernel().phys_base(), HumanAddress)},
          {"direct map", OrEmpty(m.kernel().direct_map(), HumanAddress)},
          {"page tables", OrEmpty(m.kernel().page_table_root(), HumanAddress)},
          {"boot id", m.boot_id()},
          {"panic record", PanicText(m)},
          {"registers", RegistersText(m)},
          {"region table", HumanEnum(v1::TableSource_Name(m.table_source()), "TABLE_SOURCE_")},
          {"regions", absl::StrCat(m.regions_size(), ", ", HumanBytes(marked_bytes))},
          {"guest stopped", stopped},
          {"capture took", capture},
          {"core", HumanBytes(dump.core_bytes())},
          {"stored", HumanBytes(dump.stored_bytes())},
          {"sha-256", absl::BytesToHexString(dump.core_sha256())},
      }),
      MissingTable(m));
}

Table MakeRegionTable(const v1::Manifest& manifest) {
  Table table({{"ID", Align::kRight},
               {"CLASS"},
               {"SPACE"},
               {"ADDRESS"},
               {"SIZE", Align::kRight},
               {"CAPTURED", Align::kRight},
               {"NAME"}});
  for (const v1::Region& region : manifest.regions()) {
    const bool physical = region.gva() == 0;
    table.AddRow({absl::StrCat(region.id()),
                  HumanEnum(v1::RegionClass_Name(region.region_class()), "REGION_CLASS_"),
                  physical ? "gpa" : "gva", HumanAddress(physical ? region.gpa() : region.gva()),
                  HumanBytes(region.size_bytes()), HumanBytes(region.captured_bytes()),
                  region.name()});
  }
  return table;
}

}  // namespace marrow::cli
