// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/manifest.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vmm_backend/core/guest_text.h"

namespace marrow {
namespace {

// A store refuses manifests whose texts are out of all proportion; no guest may get its dump
// refused.
constexpr std::size_t kMostReleaseBytes = 64;  // __NEW_UTS_LEN
constexpr std::size_t kMostBuildIdDigits = 128;
constexpr std::size_t kMostDetailBytes = 1024;

void SetDuration(absl::Duration duration, google::protobuf::Duration& out) {
  const std::int64_t nanos = absl::ToInt64Nanoseconds(duration);
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<std::int32_t>(nanos % 1'000'000'000));
}

void SetTime(absl::Time time, google::protobuf::Timestamp& out) {
  const std::int64_t nanos = absl::ToUnixNanos(time);
  out.set_seconds(nanos / 1'000'000'000);
  out.set_nanos(static_cast<std::int32_t>(nanos % 1'000'000'000));
}

v1::RegionClass ToProto(marrow_region_class region_class) {
  return static_cast<v1::RegionClass>(region_class);  // the ABI and the proto number them alike
}

// How much of the region lies in captured pages.
std::uint64_t CapturedBytes(const PlannedRegion& planned, const CapturedPages& pages) {
  std::uint64_t bytes = 0;
  for (const Gpa page : planned.pages) {
    if (pages.Contains(page)) bytes += kPageBytes;
  }
  if (bytes == 0) return 0;
  // The first and the last page stick out of the region.
  return std::min(bytes, planned.region.size);
}

void AddRegions(const CapturePlan& plan, const CapturedPages& pages, v1::Manifest& manifest) {
  for (const PlannedRegion& planned : plan.regions) {
    v1::Region& region = *manifest.add_regions();
    region.set_id(planned.region.id);
    region.set_name(planned.region.name);
    region.set_region_class(ToProto(planned.region.region_class));
    if (planned.region.address_kind == AddressKind::kGpa) {
      region.set_gpa(planned.region.address);
    } else {
      region.set_gva(planned.region.address);
    }
    region.set_size_bytes(planned.region.size);
    region.set_captured_bytes(CapturedBytes(planned, pages));
  }
}

void AddGraphRoots(const CapturePlan& plan, v1::Manifest& manifest) {
  for (const graph::RootReport& report : plan.graph_roots) {
    v1::GraphRoot& root = *manifest.add_graph_roots();
    root.set_name(report.name);
    root.set_objects(report.objects);
    root.set_captured_bytes(report.pages * kPageBytes);
    root.set_truncated(report.truncated);
  }
}

void AddMissing(const std::vector<MissingPart>& parts, v1::Manifest& manifest) {
  for (const MissingPart& part : parts) {
    v1::Missing& missing = *manifest.add_missing();
    missing.set_what(part.what);
    missing.set_address(part.address);
    missing.set_size_bytes(part.bytes);
    missing.set_why(GuestText(part.why));
  }
}

// The GNU build-id if `text` is one: a guest may have written anything there.
std::string BuildId(absl::string_view text) {
  const bool hex = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
  return hex && text.size() <= kMostBuildIdDigits ? std::string(text) : "";
}

void AddKernel(const CaptureFindings& findings, v1::Manifest& manifest) {
  v1::Kernel& kernel = *manifest.mutable_kernel();
  kernel.set_release(GuestText(findings.vmcoreinfo.release().substr(0, kMostReleaseBytes)));
  kernel.set_build_id(BuildId(findings.vmcoreinfo.build_id()));
  if (findings.table == nullptr) return;
  const marrow_facts& facts = findings.table->facts;
  kernel.set_machine(facts.machine);
  kernel.set_phys_base(facts.phys_base);
  kernel.set_kaslr_offset(facts.kaslr_offset);
  kernel.set_direct_map(facts.direct_map);
  kernel.set_page_table_root(facts.page_table_root);
}

void AddPanicRecord(const marrow_panic_record& record, v1::Manifest& manifest) {
  v1::PanicRecord& panic = *manifest.mutable_panic();
  panic.set_cpu(record.cpu);
  panic.set_ip(record.ip);
  panic.set_sp(record.sp);
  panic.set_reason(record.reason);
  panic.set_text(GuestText(absl::string_view(record.text, sizeof(record.text))));
}

}  // namespace

v1::Manifest MakeManifest(const CaptureSubject& subject, const CaptureOrder& order,
                          const CapturePlan& plan, const CapturedPages& pages,
                          const CaptureFindings& findings) {
  v1::Manifest manifest;
  manifest.set_dump_id(order.dump_id);
  SetTime(order.time, *manifest.mutable_capture_time());
  *manifest.mutable_vm() = subject.vm;
  manifest.mutable_vm()->set_ram_bytes(subject.memory->ram().bytes());
  *manifest.mutable_host() = subject.host;
  manifest.set_trigger(order.trigger);
  manifest.set_trigger_detail(GuestText(order.detail.substr(0, kMostDetailBytes)));
  AddKernel(findings, manifest);
  for (std::size_t i = 0; i < findings.vcpus.size(); ++i) {
    v1::Vcpu& vcpu = *manifest.add_vcpus();
    vcpu.set_index(static_cast<std::uint32_t>(i));
    vcpu.set_ip(findings.vcpus[i].registers.rip);
    vcpu.set_sp(findings.vcpus[i].registers.rsp);
  }
  manifest.set_register_source(findings.register_source);
  manifest.set_table_source(findings.table_source);
  if (findings.status) {
    manifest.set_boot_id(FormatBootId(findings.status->boot_id));
    if (findings.status->panicked) AddPanicRecord(findings.status->panic, manifest);
  }
  AddRegions(plan, pages, manifest);
  AddGraphRoots(plan, manifest);
  AddMissing(plan.missing, manifest);
  AddMissing(findings.missing, manifest);
  if (const std::uint64_t further = plan.missing_not_listed + pages.missing_not_listed) {
    AddMissing({{.what = absl::StrCat(further, " further parts"), .why = "not listed one by one"}},
               manifest);
  }
  v1::CaptureStats& stats = *manifest.mutable_stats();
  SetDuration(findings.stopped, *stats.mutable_stopped());
  SetDuration(findings.capture, *stats.mutable_capture());
  stats.set_pages(pages.size());
  if (findings.table != nullptr) stats.set_window_generation(findings.table->generation);
  return manifest;
}

}  // namespace marrow
