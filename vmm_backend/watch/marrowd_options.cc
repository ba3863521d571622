// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/watch/marrowd_options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {
namespace {

constexpr int kUsageError = 2;
constexpr std::uint64_t kMostConfigBytes = 16 << 20;

std::string HostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

absl::StatusOr<DaemonConfig> ReadConfig(const std::string& path) {
  const auto files = MakePosixFileSystem();
  const absl::StatusOr<std::string> text = ReadWholeFile(*files, path, kMostConfigBytes);
  if (!text.ok()) return text.status();
  absl::StatusOr<DaemonConfig> config = ParseConfig(*text, HostName());
  if (config.ok()) return config;
  return absl::Status(config.status().code(), absl::StrCat(path, ": ", config.status().message()));
}

// A flag whose text a parser of config_values.h turns into `*target`.
template <typename T>
CLI::Option* AddParsed(CLI::App& app, const char* name, T* target,
                       absl::StatusOr<T> (*parse)(absl::string_view), const char* help) {
  return app.add_option_function<std::string>(
      name,
      [target, parse, name](const std::string& text) {
        const absl::StatusOr<T> value = parse(text);
        if (!value.ok()) throw CLI::ValidationError(name, std::string(value.status().message()));
        *target = *value;
      },
      help);
}

void AddWatchFlags(CLI::App& watch, DaemonConfig& config, VmConfig& vm) {
  AddParsed(watch, "--name", &vm.name, ParseName, "Name of the VM in dumps")->required();
  AddParsed(watch, "--qmp", &vm.qmp_path, ParseSocketPath, "QEMU's QMP unix socket")->required();
  AddParsed(watch, "--window", &vm.window_path, ParsePath,
            "File behind the VM's ivshmem-plain device; made if absent")
      ->required();
  AddParsed(watch, "--window-size", &vm.window_bytes, ParseWindowSize,
            "Size of the window (default 64KiB)");
  AddParsed(watch, "--after", &vm.after, ParseAfterCapture,
            "What happens to a crashed VM once its memory is copied: leave (as it was found, the "
            "default), resume, reset or destroy");
  AddParsed(watch, "--heartbeat-misses", &vm.heartbeat_misses, ParseCount,
            "Periods without a beat that count as a hang (default 5)");
  AddParsed(watch, "--store", &config.store.address, ParseText,
            "Address of marrow-store (default 127.0.0.1:7070)");
  AddParsed(watch, "--spool", &config.spool.directory, ParsePath,
            "Folder for dumps that wait for the store (default /var/lib/marrow/spool)");
  AddParsed(watch, "--control", &config.control_path, ParseSocketPath,
            "Unix socket to serve `marrow vms` and `marrow capture` on");
  AddParsed(watch, "--log-level", &config.log_level, ParseLogLevel, "debug, info, warn or error");
}

}  // namespace

absl::StatusOr<DaemonConfig> OptionsFromCommandLine(int argc, char** argv) {
  CLI::App app("marrowd: captures the marked memory of virtual machines that crash, hang or die");
  app.set_version_flag("--version", std::string("marrowd ") + MARROW_VERSION);
  app.footer("Exit status: 0 stopped by SIGTERM or SIGINT, 1 could not start, 2 wrong usage.");
  std::string config_path;
  auto* config_flag =
      app.add_option("--config", config_path, "YAML file; see marrowd.example.yaml");
  DaemonConfig config;
  config.host_name = HostName();
  VmConfig vm;
  CLI::App& watch = *app.add_subcommand("watch", "Watch one VM, configured by flags");
  AddWatchFlags(watch, config, vm);
  try {
    app.parse(argc, argv);
    if (watch.parsed() == (config_flag->count() > 0)) {
      throw CLI::RequiredError("either --config FILE or the subcommand watch");
    }
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : kUsageError);
  }
  if (!watch.parsed()) return ReadConfig(config_path);
  config.vms.push_back(std::move(vm));
  return config;
}

}  // namespace marrow
