// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <string_view>

namespace marrow::agent {
namespace {

constexpr int kUsageError = 2;

CLI::Option* AddDuration(CLI::App* app, const std::string& name, std::chrono::milliseconds* value,
                         std::chrono::milliseconds least, const std::string& help) {
  const auto parse = [value, least](const std::string& text) {
    const auto duration = ParseDuration(text);
    if (!duration || *duration < least) return false;
    *value = *duration;
    return true;
  };
  return app
      ->add_option_function<std::string>(
          name,
          [parse, name](const std::string& text) {
            if (!parse(text)) {
              throw CLI::ValidationError(name, "'" + text + "' is not like 2, 0.5s or 250ms");
            }
          },
          help)
      ->type_name("TIME");
}

}  // namespace

std::optional<std::chrono::milliseconds> ParseDuration(const std::string& text) {
  constexpr double kDayMs = 24.0 * 3600 * 1000;
  if (text.empty() || text.find_first_not_of("0123456789.ms") != text.npos) return std::nullopt;
  std::size_t used = 0;
  double number = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    return std::nullopt;
  }
  const std::string_view unit = std::string_view(text).substr(used);
  if (!unit.empty() && unit != "s" && unit != "ms") return std::nullopt;
  const double ms = std::round(unit == "ms" ? number : number * 1000);
  if (ms < 0 || ms > kDayMs) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(ms));
}

std::variant<Options, int> ParseOptions(int argc, const char* const* argv) {
  using std::chrono::milliseconds;
  Options options;
  bool dry_run = false;
  CLI::App app(
      "Marks the vital memory of this running kernel in the Marrow window, so that the host can "
      "capture it when the kernel dies.",
      "marrow-agent");
  app.add_option("--profile", options.profile,
                 "What to mark: log, crash, tasks-full, or a file; default crash")
      ->type_name("NAME|FILE");
  app.add_option("--window", options.window_path, "Use this file as window instead of a PCI device")
      ->type_name("FILE");
  AddDuration(&app, "--wait", &options.wait, milliseconds(0),
              "How long to wait for a host to format the window; default 0");
  AddDuration(&app, "--period", &options.period, milliseconds(10),
              "Interval of the heartbeat; default 1s");
  app.add_flag("--dry-run", dry_run, "Print what would be published; needs no window");
  app.add_flag("--once", options.once, "Publish and exit, without a heartbeat");
  app.add_flag("-v,--verbose", options.verbose, "Also print facts and skipped optional parts");
  CLI::App* explain = app.add_subcommand(
      "explain", "Print what the profile costs now, in bytes and pages; needs no window");
  explain->fallthrough();
  app.footer("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no window.");
  CLI::App* dump = app.add_subcommand("dump", "Ask the host for a dump and wait for its answer");
  dump->add_option("text", options.dump_text, "Why, up to 48 bytes; kept with the dump");
  AddDuration(dump, "--timeout", &options.dump_timeout, milliseconds(0),
              "How long to wait for the answer; default 10s");
  dump->fallthrough();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  if (dry_run) options.command = Command::kDryRun;
  if (explain->parsed()) options.command = Command::kExplain;
  if (dump->parsed()) options.command = Command::kRequestDump;
  return options;
}

}  // namespace marrow::agent
