// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/vcpu_dump.h"

#include <cctype>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {
namespace {

// QEMU's own limit for x86 machines is lower still.
constexpr std::size_t kMostVcpus = 4096;

using Values = std::map<std::string, std::uint64_t, std::less<>>;

std::size_t HexDigits(absl::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && std::isxdigit(static_cast<unsigned char>(text[count])) != 0)
    ++count;
  return count;
}

// The name that ends before the '=' at `at`: "RAX" of "RAX=", "R8" of "R8 =".
absl::string_view NameBefore(absl::string_view line, std::size_t at) {
  while (at > 0 && line[at - 1] == ' ') --at;
  std::size_t begin = at;
  while (begin > 0 && std::isalnum(static_cast<unsigned char>(line[begin - 1])) != 0) --begin;
  return line.substr(begin, at - begin);
}

// Every NAME=HEX of the line; for "FS =0000 00007f0012345678 ..." also "FS.base".
void CollectValues(absl::string_view line, Values& values) {
  for (std::size_t at = line.find('='); at != absl::string_view::npos;
       at = line.find('=', at + 1)) {
    const std::string name(NameBefore(line, at));
    absl::string_view rest = line.substr(at + 1);
    const std::size_t digits = HexDigits(rest);
    std::uint64_t value = 0;
    if (name.empty() || !absl::SimpleHexAtoi(rest.substr(0, digits), &value)) continue;
    values.emplace(name, value);
    rest.remove_prefix(digits);
    if (absl::ConsumePrefix(&rest, " ") &&
        absl::SimpleHexAtoi(rest.substr(0, HexDigits(rest)), &value)) {
      values.emplace(name + ".base", value);
    }
  }
}

// "RAX" in 64-bit mode, "EAX" in the others.
std::uint64_t Wide(const Values& values, absl::string_view suffix) {
  for (const char* prefix : {"R", "E"}) {
    const auto found = values.find(absl::StrCat(prefix, suffix));
    if (found != values.end()) return found->second;
  }
  return 0;
}

std::uint64_t Value(const Values& values, absl::string_view name) {
  const auto found = values.find(std::string(name));
  return found == values.end() ? 0 : found->second;
}

VcpuState ToState(const Values& v) {
  VcpuState state;
  X86Registers& r = state.registers;
  r.rax = Wide(v, "AX"), r.rbx = Wide(v, "BX"), r.rcx = Wide(v, "CX"), r.rdx = Wide(v, "DX");
  r.rsi = Wide(v, "SI"), r.rdi = Wide(v, "DI"), r.rbp = Wide(v, "BP"), r.rsp = Wide(v, "SP");
  r.r8 = Value(v, "R8"), r.r9 = Value(v, "R9"), r.r10 = Value(v, "R10"), r.r11 = Value(v, "R11");
  r.r12 = Value(v, "R12"), r.r13 = Value(v, "R13"), r.r14 = Value(v, "R14"),
  r.r15 = Value(v, "R15");
  r.rip = Wide(v, "IP"), r.rflags = Wide(v, "FL");
  r.cs = Value(v, "CS"), r.ss = Value(v, "SS"), r.ds = Value(v, "DS"), r.es = Value(v, "ES");
  r.fs = Value(v, "FS"), r.gs = Value(v, "GS");
  r.fs_base = Value(v, "FS.base"), r.gs_base = Value(v, "GS.base");
  const PagingRegisters paging{.cr3 = Value(v, "CR3"), .cr4 = Value(v, "CR4")};
  state.cr3 = paging.cr3;
  state.page_table_levels = paging.levels();
  return state;
}

bool HasBoth(const Values& values) {
  const auto has = [&](absl::string_view suffix) {
    return values.contains(absl::StrCat("R", suffix)) || values.contains(absl::StrCat("E", suffix));
  };
  return has("IP") && has("SP");
}

}  // namespace

absl::StatusOr<StoppedVm> ParseVcpuDump(const ByteSource& source) {
  const absl::StatusOr<CoreReader> core = CoreReader::Open(source);
  if (!core.ok()) return core.status();
  std::vector<VcpuState> vcpus;
  std::size_t qemu_notes = 0;
  for (const CoreNote& note : core->notes()) {
    if (note.name == kCoreNoteName && note.type == kNtPrstatus) {
      const auto registers = DecodePrstatus(note.descriptor);
      if (!registers || vcpus.size() >= kMostVcpus) {
        return absl::InvalidArgumentError("QEMU's dump has register notes of another machine");
      }
      vcpus.push_back({.registers = *registers, .qemu_note = {}});
    } else if (note.name == kQemuNoteName && note.type == kQemuCpuNote &&
               qemu_notes < vcpus.size()) {
      const auto paging = PagingFromQemuNote(note.descriptor).value_or(PagingRegisters{});
      vcpus[qemu_notes].cr3 = paging.cr3;
      vcpus[qemu_notes].page_table_levels = paging.levels();
      vcpus[qemu_notes++].qemu_note = note.descriptor;
    }
  }
  if (vcpus.empty()) return absl::InvalidArgumentError("QEMU's dump has no register notes");
  return StoppedVm{.vcpus = std::move(vcpus), .vmcoreinfo = core->vmcoreinfo().text()};
}

absl::StatusOr<std::vector<VcpuState>> ParseInfoRegisters(absl::string_view text) {
  std::vector<Values> all;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::StartsWith(line, "CPU#")) {
      if (all.size() >= kMostVcpus) return absl::InvalidArgumentError("too many vCPUs");
      all.emplace_back();
    } else if (!all.empty()) {
      CollectValues(line, all.back());
    }
  }
  std::vector<VcpuState> vcpus;
  for (const Values& values : all) {
    if (!HasBoth(values)) {
      return absl::InvalidArgumentError(
          absl::StrCat("info registers: vCPU ", vcpus.size(), " has no ip or sp"));
    }
    vcpus.push_back(ToState(values));
  }
  if (vcpus.empty()) return absl::InvalidArgumentError("info registers: no vCPUs");
  return vcpus;
}

}  // namespace marrow
