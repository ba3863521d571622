// SPDX-License-Identifier: Apache-2.0
// The command line.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace marrow::agent {

enum class Command { kPublish, kDryRun, kExplain, kRequestDump };

struct Options {
  Command command = Command::kPublish;
  std::string profile = "crash";  // a shipped profile's name, or a file
  std::string window_path;        // "": the ivshmem device
  std::chrono::milliseconds wait{0};
  std::chrono::milliseconds period{1000};
  bool once = false;
  bool verbose = false;
  std::string dump_text;
  std::chrono::milliseconds dump_timeout{10000};
};

// Or the exit code, after help or a mistake was printed: 0 or 2.
std::variant<Options, int> ParseOptions(int argc, const char* const* argv);

// "2", "2s", "0.5s", "250ms": nothing else, and nothing above a day.
std::optional<std::chrono::milliseconds> ParseDuration(const std::string& text);

}  // namespace marrow::agent
