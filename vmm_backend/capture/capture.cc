// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/capture.h"

#include <elf.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vmm_backend/capture/derivation.h"
#include "vmm_backend/capture/manifest.h"
#include "vmm_backend/elfcore/prstatus.h"

namespace marrow {
namespace {

// The kernel allots one page to the note; anything much larger is not VMCOREINFO.
constexpr std::uint64_t kVmcoreinfoMostBytes = 16 * kPageBytes;

constexpr std::uint32_t kMarrowNoteType = 1;

// The state of one capture on its way through the steps.
class Run {
 public:
  Run(const CaptureSubject& subject, const CapturePolicy& policy, const CaptureOrder& order,
      const MonotonicClock& clock)
      : subject_(subject), policy_(policy), order_(order), clock_(clock), began_(clock()) {}

  absl::StatusOr<CapturedDump> Execute() {
    ReadWindow();
    CapturedDump dump;
    CopyGuest(dump);
    dump.pages.SetZerosApart();
    dump.manifest = MakeManifest(subject_, order_, plan_, dump.pages, findings_);
    absl::StatusOr<CoreLayout> layout = LayOut(dump);
    if (!layout.ok()) return layout.status();
    if (layout->alias_parts_left_out != 0) {
      // The manifest is a note of the core that it tells of.
      Miss("virtual addresses", absl::ResourceExhaustedError(absl::StrCat(
                                    layout->alias_parts_left_out,
                                    " of their parts: more than a core's reader takes segments")));
      dump.manifest = MakeManifest(subject_, order_, plan_, dump.pages, findings_);
      layout = LayOut(dump);
      if (!layout.ok()) return layout.status();
    }
    dump.layout = *std::move(layout);
    return dump;
  }

 private:
  void Miss(std::string what, const absl::Status& status) {
    findings_.missing.push_back({.what = std::move(what), .why = std::string(status.message())});
  }

  void ReadWindow() {
    absl::Status live = absl::FailedPreconditionError("this VM has no window");
    if (subject_.window != nullptr) {
      absl::StatusOr<RegionTable> table = ReadRegionTable(*subject_.window, policy_.table);
      live = table.status();
      if (table.ok()) live_table_ = *std::move(table);
      absl::StatusOr<GuestStatus> status = ReadGuestStatus(*subject_.window);
      if (status.ok()) findings_.status = *status;
    }
    if (live_table_) {
      findings_.table = &*live_table_;
      findings_.table_source = v1::TABLE_SOURCE_LIVE;
      return;
    }
    Miss("region table at the trigger", live);
    if (subject_.last_good != nullptr) {
      findings_.table = subject_.last_good;
      findings_.table_source = v1::TABLE_SOURCE_LAST_GOOD;
    }
  }

  // Everything between taking hold of the VM and letting it go.
  void CopyGuest(CapturedDump& dump) {
    std::optional<PausedVm> paused;
    absl::Status pause_error;
    const absl::Duration held_from = clock_();
    if (subject_.control != nullptr && order_.pause) {
      absl::StatusOr<PausedVm> entered = PausedVm::Enter(*subject_.control);
      if (entered.ok()) {
        paused.emplace(*std::move(entered));
      } else {
        pause_error = entered.status();
        Miss("coherence: the VM could not be paused", pause_error);
      }
    }
    ReadRegisters(paused.has_value());
    if (findings_.table == nullptr) Derive();
    PageReader reader(*subject_.memory, policy_.capture.capture_bytes / kPageBytes);
    plan_ = PlanCapture({.table = findings_.table,
                         .vcpus = &findings_.vcpus,
                         .ram = &subject_.memory->ram(),
                         .memory = &reader,
                         .excluded = policy_.excluded,
                         .limits = policy_.capture,
                         .clock = clock_});
    dump.pages = reader.Read(plan_.pages, policy_.capture.missing, findings_.missing);
    ReadVmcoreinfo();
    findings_.capture = clock_() - began_;
    if (paused) {
      dump.after = paused->Release(order_.after);
      findings_.stopped = clock_() - held_from;
    } else if (!pause_error.ok()) {
      dump.after = ApplyPolicy(*subject_.control, order_.after, /*resume=*/false);
    }
  }

  void ReadRegisters(bool paused) {
    if (!order_.registers) {
      Miss("vCPU registers", absl::UnavailableError("the guest was reset before the host looked"));
      return;
    }
    if (subject_.control == nullptr) {
      Miss("vCPU registers", absl::UnavailableError("they died with the VMM process"));
      return;
    }
    absl::StatusOr<StoppedVm> stopped = paused ? subject_.control->ReadStopped() : ReadRunning();
    if (!stopped.ok()) {
      Miss("vCPU registers", stopped.status());
      return;
    }
    findings_.vcpus = std::move(stopped->vcpus);
    vmcoreinfo_ = std::move(stopped->vmcoreinfo);
    findings_.register_source = paused ? v1::REGISTER_SOURCE_PAUSED : v1::REGISTER_SOURCE_RUNNING;
  }

  // The guest published nothing, but its kernel may tell enough.
  void Derive() {
    absl::StatusOr<DerivedTable> derived = DeriveWithoutAgent({.memory = *subject_.memory,
                                                               .vcpus = findings_.vcpus,
                                                               .vmcoreinfo = vmcoreinfo_,
                                                               .profile = policy_.profile,
                                                               .limits = policy_.table,
                                                               .clock = clock_});
    if (!derived.ok()) {
      Miss("derived region table", derived.status());
      return;
    }
    AddDerivationLosses(*derived, findings_.missing);
    derived_table_ = std::move(derived->table);
    vmcoreinfo_ = std::move(derived->vmcoreinfo);
    findings_.table = &*derived_table_;
    findings_.table_source = v1::TABLE_SOURCE_DERIVED;
  }

  absl::StatusOr<StoppedVm> ReadRunning() {
    absl::StatusOr<std::vector<VcpuState>> vcpus = subject_.control->ReadRunningVcpus();
    if (!vcpus.ok()) return vcpus.status();
    return StoppedVm{.vcpus = *std::move(vcpus)};
  }

  void ReadVmcoreinfo() {
    findings_.vmcoreinfo = Vmcoreinfo::Parse(vmcoreinfo_);
    if (findings_.table == nullptr || findings_.table->facts.vmcoreinfo_bytes == 0) return;
    const marrow_facts& facts = findings_.table->facts;
    std::string bytes(std::min(facts.vmcoreinfo_bytes, kVmcoreinfoMostBytes), '\0');
    const absl::Status status =
        subject_.memory->Read(Gpa{facts.vmcoreinfo_gpa}, std::as_writable_bytes(std::span(bytes)));
    if (status.ok()) {
      findings_.vmcoreinfo = Vmcoreinfo::ParseNoteOrText(AsBytes(bytes));
    } else {
      Miss("VMCOREINFO", status);
    }
  }

  std::vector<CoreNote> MakeNotes(const v1::Manifest& manifest) const {
    std::vector<CoreNote> notes;
    for (std::size_t i = 0; i < findings_.vcpus.size(); ++i) {
      notes.push_back(EncodePrstatus(static_cast<std::uint32_t>(i), findings_.vcpus[i].registers));
    }
    for (const VcpuState& vcpu : findings_.vcpus) {
      if (vcpu.qemu_note.empty()) continue;
      notes.push_back({std::string(kQemuNoteName), kQemuCpuNote, vcpu.qemu_note});
    }
    if (!findings_.vmcoreinfo.empty()) {
      notes.push_back({"VMCOREINFO", 0, findings_.vmcoreinfo.text()});
    }
    notes.push_back({"MARROW", kMarrowNoteType, manifest.SerializeAsString()});
    return notes;
  }

  absl::StatusOr<CoreLayout> LayOut(const CapturedDump& dump) const {
    const std::uint64_t direct_map =
        findings_.table == nullptr ? 0 : PageDown(findings_.table->facts.direct_map);
    std::vector<Gpa> zero_pages;
    std::merge(plan_.zero_pages.begin(), plan_.zero_pages.end(), dump.pages.zero_pages.begin(),
               dump.pages.zero_pages.end(), std::back_inserter(zero_pages));
    return LayOutCore({.machine = EM_X86_64,
                       .direct_map = direct_map,
                       .pages = dump.pages.pages,
                       .zero_pages = std::move(zero_pages),
                       .aliases = plan_.aliases,
                       .notes = MakeNotes(dump.manifest)});
  }

  const CaptureSubject& subject_;
  const CapturePolicy& policy_;
  const CaptureOrder& order_;
  const MonotonicClock& clock_;
  const absl::Duration began_;
  std::optional<RegionTable> live_table_;
  std::optional<RegionTable> derived_table_;
  std::string vmcoreinfo_;
  CapturePlan plan_;
  CaptureFindings findings_;
};

}  // namespace

absl::StatusOr<CapturedDump> Capture(const CaptureSubject& subject, const CapturePolicy& policy,
                                     const CaptureOrder& order, const MonotonicClock& clock) {
  return Run(subject, policy, order, clock).Execute();
}

}  // namespace marrow
