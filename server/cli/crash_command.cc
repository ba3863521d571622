// SPDX-License-Identifier: Apache-2.0
// marrow crash
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/cli/build_id.h"
#include "server/cli/commands.h"

namespace marrow::cli {
namespace {

// Where distributions put vmlinux with its debug information, by kernel release.
std::vector<std::string> UsualPlaces(const std::string& release) {
  return {
      absl::StrCat("/usr/lib/debug/boot/vmlinux-", release),             // Debian, Ubuntu
      absl::StrCat("/usr/lib/debug/lib/modules/", release, "/vmlinux"),  // Fedora, SUSE
  };
}

// "" where neither the user nor the system has one.
std::string ChooseVmlinux(Session& session, const CrashArguments& arguments,
                          const std::string& release) {
  if (!arguments.vmlinux.empty()) return arguments.vmlinux;
  std::string variable = session.environment().variable("MARROW_VMLINUX");
  if (!variable.empty()) return variable;
  // The release is the guest's word: it must not lead out of these folders.
  if (release.empty() || release.find('/') != std::string::npos) return "";
  for (std::string& place : UsualPlaces(release)) {
    if (session.environment().files.OpenForRead(place).ok()) return std::move(place);
  }
  return "";
}

absl::Status CheckBuildId(Session& session, const std::string& vmlinux, const v1::Dump& dump) {
  const auto file = session.environment().files.OpenForRead(vmlinux);
  if (!file.ok()) return file.status();
  const std::string& expected = dump.manifest().kernel().build_id();
  if (expected.empty()) {
    session.err() << "marrow: the dump names no build-id; " << vmlinux << " is taken on trust\n";
    return absl::OkStatus();
  }
  const auto actual = ReadBuildId(**file);
  if (!actual.ok()) {
    return absl::Status(actual.status().code(),
                        absl::StrCat(vmlinux, ": ", actual.status().message()));
  }
  if (*actual == expected) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(vmlinux, " has build-id ", *actual,
                                                    ", the dump's kernel ", expected,
                                                    ": give the matching one with --vmlinux"));
}

absl::StatusOr<std::string> CacheFolder(Session& session) {
  Environment& environment = session.environment();
  std::string base = environment.variable("XDG_CACHE_HOME");
  const std::string home = environment.variable("HOME");
  if (base.empty() && home.empty()) {
    return absl::FailedPreconditionError("set HOME or XDG_CACHE_HOME: the core is kept there");
  }
  if (base.empty()) base = absl::StrCat(home, "/.cache");
  std::string folder = absl::StrCat(base, "/marrow/cores");
  if (absl::Status s = environment.files.CreateDirectories(folder); !s.ok()) return s;
  return folder;
}

}  // namespace

absl::Status RunCrash(Session& session, const CrashArguments& arguments) {
  const auto dump = session.GetDump(arguments.id);
  if (!dump.ok()) return dump.status();
  const v1::Kernel& kernel = dump->manifest().kernel();
  const std::string vmlinux = ChooseVmlinux(session, arguments, kernel.release());
  if (vmlinux.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no vmlinux for kernel ", kernel.release().empty() ? "(unknown)" : kernel.release(),
        ": install its debug package, or give it with --vmlinux or MARROW_VMLINUX"));
  }
  if (absl::Status s = CheckBuildId(session, vmlinux, *dump); !s.ok()) return s;
  const auto folder = CacheFolder(session);
  if (!folder.ok()) return folder.status();
  const std::string core = absl::StrCat(*folder, "/", dump->manifest().dump_id(), ".core");
  if (absl::Status s = FetchCore(session, {dump->name(), core}); !s.ok()) return s;
  session.out().flush();

  std::vector<std::string> command = {"crash"};
  command.insert(command.end(), arguments.crash_arguments.begin(), arguments.crash_arguments.end());
  command.push_back(vmlinux);
  command.push_back(core);
  return session.environment().execute(command);
}

}  // namespace marrow::cli
