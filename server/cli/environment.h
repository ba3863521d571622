// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow::cli {

// All that a command touches besides the network. Borrowed for the run of one command.
struct Environment {
  std::ostream& out;
  std::ostream& err;
  FileSystem& files;
  std::size_t columns = 0;     // width of the terminal at `out`; 0: not a terminal
  bool show_progress = false;  // `err` is a terminal
  // "" for a variable that is not set.
  std::function<std::string(const char* name)> variable;
  // Replaces the process by a program found in PATH; returns only on failure.
  std::function<absl::Status(const std::vector<std::string>& command)> execute;
};

}  // namespace marrow::cli
