// SPDX-License-Identifier: Apache-2.0
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "server/cli/cli.h"
#include "vmm_backend/posix/fd.h"

namespace {

std::size_t TerminalColumns(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::Status Execute(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  // SAFETY: execvp does not write to its arguments; its type is older than const.
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  if (errno == ENOENT) {
    return absl::FailedPreconditionError(
        absl::StrCat(command[0], " is not installed: apt-get install ", command[0]));
  }
  return marrow::ErrnoStatus(errno, command[0]);
}

}  // namespace

int main(int argc, char** argv) {
  const auto files = marrow::MakePosixFileSystem();
  marrow::cli::Environment environment{.out = std::cout,
                                       .err = std::cerr,
                                       .files = *files,
                                       .columns = TerminalColumns(STDOUT_FILENO),
                                       .show_progress = isatty(STDERR_FILENO) == 1,
                                       .variable = Variable,
                                       .execute = Execute};
  return static_cast<int>(marrow::cli::RunCli({argv + 1, argv + argc}, environment));
}
