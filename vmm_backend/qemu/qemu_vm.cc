// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/qemu_vm.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vmm_backend/qemu/flat_view.h"
#include "vmm_backend/qemu/vcpu_dump.h"

namespace marrow {
namespace {

// Registers of 4096 vCPUs fit; a larger dump is not what we asked for.
constexpr off_t kMostDumpBytes = 16 << 20;

// What QEMU says without -uuid.
constexpr absl::string_view kNoUuid = "00000000-0000-0000-0000-000000000000";

constexpr absl::string_view kDumpFdName = "marrow-vcpus";

absl::StatusOr<std::string> ReadAll(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat");
  if (info.st_size > kMostDumpBytes) {
    return absl::InvalidArgumentError(absl::StrCat("QEMU wrote ", info.st_size, " bytes"));
  }
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  absl::Status status = PreadAll(fd, 0, std::as_writable_bytes(std::span(bytes)));
  if (!status.ok()) return status;
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<QemuVm>> QemuVm::Attach(const std::string& qmp_path,
                                                       absl::Duration timeout) {
  std::unique_ptr<QemuVm> vm(new QemuVm());
  absl::StatusOr<std::unique_ptr<QmpClient>> qmp = QmpClient::Connect(qmp_path, timeout);
  if (!qmp.ok()) return qmp.status();
  vm->qmp_ = *std::move(qmp);
  const absl::StatusOr<pid_t> pid = PeerPid(vm->qmp_->fd());
  if (!pid.ok()) return pid.status();
  absl::StatusOr<Process> process = Process::Open(*pid);
  if (!process.ok()) return process.status();
  vm->process_ = std::make_unique<Process>(*std::move(process));
  if (absl::Status status = vm->MapMemory(); !status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat("guest memory of process ", *pid, ": ", status.message()));
  }
  const auto uuid = vm->qmp_->Execute("query-uuid");
  if (!uuid.ok()) return uuid.status();
  vm->uuid_ = JsonMember(*uuid, "UUID").value_or("");
  if (vm->uuid_ == kNoUuid) vm->uuid_.clear();
  return vm;
}

absl::Status QemuVm::MapMemory() {
  const auto view = qmp_->ExecuteHuman("info mtree -f");
  if (!view.ok()) return view.status();
  const auto ranges = ParseFlatView(*view);
  if (!ranges.ok()) return ranges.status();
  std::vector<RamPlacement> placements;
  for (const GpaRange& range : *ranges) {
    const auto answer = qmp_->ExecuteHuman(absl::StrFormat("gpa2hva 0x%x", Raw(range.begin)));
    if (!answer.ok()) return answer.status();
    const auto hva = ParseGpa2Hva(*answer);
    if (!hva.ok()) return hva.status();
    placements.push_back({.range = range, .hva = *hva});
  }
  absl::StatusOr<std::unique_ptr<ProcessMemory>> memory =
      ProcessMemory::Open(*process_, placements);
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  return absl::OkStatus();
}

absl::StatusOr<std::string> QemuVm::RunState() {
  const auto status = qmp_->Execute("query-status");
  if (!status.ok()) return status.status();
  return JsonMember(*status, "status");
}

absl::StatusOr<bool> QemuVm::Pause() {
  const absl::StatusOr<std::string> before = RunState();
  if (!before.ok()) return before.status();
  if (*before != "running") return false;
  const absl::Status stop = qmp_->Execute("stop").status();
  if (!stop.ok()) {
    (void)Resume();  // a `stop` that timed out may take effect yet; `cont` then comes behind it
    return stop;
  }
  // A guest that panicked in between stands still by itself: then `stop` did nothing.
  const absl::StatusOr<std::string> after = RunState();
  return !after.ok() || *after == "paused";
}

absl::Status QemuVm::Resume() { return qmp_->Execute("cont").status(); }

absl::Status QemuVm::Reset() {
  absl::StatusOr<std::string> outcome =
      qmp_->ExecuteAndAwait("system_reset", {"RESET", "SHUTDOWN"});
  if (outcome.ok() && *outcome == "SHUTDOWN") {
    const absl::Status allow = SetRebootAction("reset");
    if (!allow.ok()) return allow;
    outcome = qmp_->ExecuteAndAwait("system_reset", {"RESET"});
    const absl::Status restore = SetRebootAction("shutdown");
    if (outcome.ok() && !restore.ok()) return restore;
  }
  return outcome.ok() ? Resume() : outcome.status();
}

absl::Status QemuVm::SetRebootAction(absl::string_view action) {
  return qmp_->Execute("set-action", absl::StrFormat(R"({"reboot":"%s"})", action)).status();
}

absl::Status QemuVm::Destroy() { return qmp_->Execute("quit").status(); }

absl::StatusOr<StoppedVm> QemuVm::ReadStopped() {
  UniqueFd file(::memfd_create("marrow-vcpus", MFD_CLOEXEC));
  if (!file.ok()) return ErrnoStatus(errno, "memfd_create");
  // QEMU has no command for registers alone. A dump of one page brings every vCPU's notes with it.
  const auto passed =
      qmp_->Execute("getfd", absl::StrFormat(R"({"fdname":"%s"})", kDumpFdName), file.get());
  if (!passed.ok()) return passed.status();
  const auto dumped = qmp_->Execute(
      "dump-guest-memory",
      absl::StrFormat(R"({"paging":false,"protocol":"fd:%s","begin":0,"length":4096})",
                      kDumpFdName));
  if (!dumped.ok()) return dumped.status();
  const absl::StatusOr<std::string> bytes = ReadAll(file.get());
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<StoppedVm> stopped = ParseVcpuDump(SpanSource(AsBytes(*bytes)));
  if (stopped.ok()) return stopped;
  // Of a guest that is not in 64-bit mode QEMU writes a 32-bit core; the monitor shows it all the
  // same.
  absl::StatusOr<std::vector<VcpuState>> vcpus = ReadRunningVcpus();
  if (!vcpus.ok()) return vcpus.status();
  return StoppedVm{.vcpus = *std::move(vcpus)};
}

absl::StatusOr<std::vector<VcpuState>> QemuVm::ReadRunningVcpus() {
  const auto text = qmp_->ExecuteHuman("info registers -a");
  if (!text.ok()) return text.status();
  return ParseInfoRegisters(*text);
}

}  // namespace marrow
