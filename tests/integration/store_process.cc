// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/store_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "vmm_backend/posix/fd.h"

extern char** environ;

namespace marrow {
namespace {

constexpr absl::Duration kStartLimit = absl::Seconds(60);
constexpr absl::string_view kReady = "marrow-store listening on ";

// The first line that arrives at `fd`.
absl::StatusOr<std::string> ReadLine(int fd) {
  const absl::Time deadline = absl::Now() + kStartLimit;
  std::string line;
  while (absl::Now() < deadline) {
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, /*timeout_ms=*/1000) <= 0) continue;
    char c = 0;
    const ssize_t n = ::read(fd, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return absl::UnavailableError("marrow-store ended before it served");
    if (c == '\n') return line;
    line.push_back(c);
  }
  return absl::DeadlineExceededError("marrow-store does not come up");
}

absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& arguments, int stdout_fd) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("spawn ", arguments[0]));
  return pid;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreProcess>> StoreProcess::Start(const std::string& data_directory,
                                                                  std::vector<std::string> flags) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  const UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::vector<std::string> arguments = {
      MARROW_STORE_PROGRAM, "--data", data_directory, "--listen", "127.0.0.1:0",
      "--disk-floor",       "0"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  const absl::StatusOr<pid_t> pid = Spawn(arguments, writer.get());
  if (!pid.ok()) return pid.status();
  writer.Reset();
  std::unique_ptr<StoreProcess> process(new StoreProcess(*pid, ""));
  const absl::StatusOr<std::string> line = ReadLine(reader.get());
  if (!line.ok()) return line.status();
  absl::string_view address = *line;
  if (!absl::ConsumePrefix(&address, kReady)) {
    return absl::InternalError(absl::StrCat("marrow-store says: ", *line));
  }
  process->address_ = std::string(address);
  return process;
}

StoreProcess::~StoreProcess() { Kill(); }

int StoreProcess::Wait() {
  int state = 0;
  while (::waitpid(pid_, &state, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

void StoreProcess::Kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  Wait();
}

int StoreProcess::Terminate() {
  ::kill(pid_, SIGTERM);
  return Wait();
}

std::uint64_t StoreProcess::PeakResidentBytes() const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    std::uint64_t kib = 0;
    if (absl::ConsumePrefix(&rest, "VmHWM:") && absl::ConsumeSuffix(&rest, " kB") &&
        absl::SimpleAtoi(rest, &kib)) {
      return kib << 10;
    }
  }
  return ~std::uint64_t{0};  // not knowing is not staying within a bound
}

}  // namespace marrow
