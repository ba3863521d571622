// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/linux_kernel.h"

#include <array>
#include <utility>

#include "guest/agent/files.h"
#include "guest/agent/kernel_btf.h"
#include "guest/profile/scan.h"

namespace marrow::agent {

using profile::IomemRange;
using profile::Kallsyms;
using profile::ParseCpuList;
using profile::ParseHex;
using profile::ParseIomem;
using profile::TakeLine;
using profile::Vmcoreinfo;
using profile::Words;
namespace {

void LoadSymbols(const std::string& root, LinuxKernel* kernel) {
  auto text = ReadFile(root + "/proc/kallsyms");
  if (!text.ok()) {
    kernel->losses.push_back(text.error() +
                             ". Without kallsyms only what VMCOREINFO names is published "
                             "(needs CONFIG_KALLSYMS_ALL)");
    return;
  }
  kernel->view.kallsyms = Kallsyms::Parse(std::move(*text));
  if (kernel->view.kallsyms.restricted()) {
    kernel->losses.push_back(
        "/proc/kallsyms shows no addresses, so only what VMCOREINFO names is published: run as "
        "root with CAP_SYSLOG, or set the sysctl kernel.kptr_restrict to 1 or 0");
  }
}

void LoadKcore(const std::string& root, LinuxKernel* kernel) {
  auto kcore = Kcore::Open(root + "/proc/kcore");
  if (!kcore.ok()) {
    kernel->losses.push_back(
        kcore.error() +
        ". Without kernel memory the kernel log ring, per-CPU data, pointers, VMCOREINFO's symbols "
        "and the bases of the direct map and vmalloc are lost: run as root, on a kernel with "
        "CONFIG_PROC_KCORE, not locked down for confidentiality");
    return;
  }
  kernel->kcore = std::move(*kcore);
  kernel->view.memory = kernel->kcore.get();
  kernel->view.linear = kernel->kcore->LinearRanges();
  kernel->view.vmcoreinfo = Vmcoreinfo::Parse(kernel->kcore->header().vmcoreinfo);
}

void LoadIomem(const std::string& root, LinuxKernel* kernel) {
  const auto text = ReadFile(root + "/proc/iomem");
  if (text.ok()) kernel->view.iomem = ParseIomem(*text);
  if (kernel->view.iomem.empty()) {
    kernel->losses.push_back(
        "/proc/iomem shows no addresses: iomem directives are lost; run as root with "
        "CAP_SYS_ADMIN");
  }
}

// Where kcore does not say how the kernel image is mapped, iomem and kallsyms do.
void AddImageRange(KernelView* view) {
  const auto start = view->Symbol("_text");
  const auto end = view->Symbol("_end");
  if (!view->linear.empty() || !start || !end || *end <= *start) return;
  for (const IomemRange& range : view->iomem) {
    if (range.name != "Kernel code") continue;
    view->linear.push_back({*start, range.start, *end - *start});
    return;
  }
}

void LoadVmcoreinfoNote(const std::string& root, LinuxKernel* kernel) {
  const auto text = ReadFile(root + "/sys/kernel/vmcoreinfo");
  const auto words = text.ok() ? Words(*text) : std::vector<std::string_view>();
  const auto gpa = words.size() == 2 ? ParseHex(words[0]) : std::nullopt;
  const auto bytes = words.size() == 2 ? ParseHex(words[1]) : std::nullopt;
  if (!gpa || !bytes || *bytes == 0) {
    kernel->losses.push_back(
        "/sys/kernel/vmcoreinfo cannot be used: the dump has no VMCOREINFO unless the VMM finds "
        "it, "
        "and crash and drgn need it (needs CONFIG_CRASH_CORE)");
    return;
  }
  kernel->view.vmcoreinfo_gpa = *gpa;
  kernel->view.vmcoreinfo_bytes = *bytes;
}

// Kernels before 4.19 have no VMCOREINFO in kcore's notes; the note itself can be read.
void ReadVmcoreinfoFromMemory(KernelView* view) {
  constexpr std::uint64_t kMaxNoteBytes = 1 << 16;
  if (!view->vmcoreinfo.empty() || view->memory == nullptr || view->vmcoreinfo_gpa == 0 ||
      view->vmcoreinfo_bytes > kMaxNoteBytes) {
    return;
  }
  for (const LinearRange& range : view->linear) {
    const std::uint64_t offset = view->vmcoreinfo_gpa - range.gpa;
    if (view->vmcoreinfo_gpa < range.gpa || offset >= range.bytes) continue;
    std::string note(view->vmcoreinfo_bytes, '\0');
    if (!view->memory->Read(range.gva + offset,
                            std::as_writable_bytes(std::span(note.data(), note.size())))) {
      continue;
    }
    const std::size_t text = note.find("OSRELEASE=");
    if (text != note.npos) view->vmcoreinfo = Vmcoreinfo::Parse(note.substr(text));
    return;
  }
}

void LoadCpus(const std::string& root, LinuxKernel* kernel) {
  const auto text = ReadFile(root + "/sys/devices/system/cpu/possible");
  const auto cpus = text.ok() ? ParseCpuList(*text) : std::nullopt;
  if (cpus && !cpus->empty()) {
    kernel->view.possible_cpus = *cpus;
    return;
  }
  kernel->losses.push_back(
      "/sys/devices/system/cpu/possible cannot be used: per-CPU data of the first CPU only");
  kernel->view.possible_cpus = {0};
}

}  // namespace

LinuxKernel LoadKernel(const std::string& root) {
  LinuxKernel kernel;
  LoadSymbols(root, &kernel);
  LoadKcore(root, &kernel);
  LoadIomem(root, &kernel);
  AddImageRange(&kernel.view);
  LoadVmcoreinfoNote(root, &kernel);
  ReadVmcoreinfoFromMemory(&kernel.view);
  LoadCpus(root, &kernel);
  kernel.types = LoadTypes(root, &kernel.losses);
  return kernel;
}

std::string ModuleFingerprint(std::string_view proc_modules) {
  // name size use_count users state address
  constexpr std::array<std::size_t, 3> kColumns = {0, 4, 5};
  std::string fingerprint;
  while (!proc_modules.empty()) {
    const auto words = Words(TakeLine(&proc_modules));
    for (const std::size_t column : kColumns) {
      if (column < words.size()) fingerprint.append(words[column]).append(" ");
    }
    fingerprint += '\n';
  }
  return fingerprint;
}

}  // namespace marrow::agent
