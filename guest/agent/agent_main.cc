// SPDX-License-Identifier: Apache-2.0
// marrow-agent: finds the window, publishes the profile's regions, beats until told to stop.
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <thread>

#include "guest/agent/agent.h"
#include "guest/agent/describe.h"
#include "guest/agent/explain.h"
#include "guest/agent/load_profile.h"
#include "guest/agent/options.h"
#include "guest/agent/unique_fd.h"

namespace marrow::agent {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kNoWindow = 3 };

int Fail(const std::string& message, ExitCode code) {
  WriteLines(message, std::cerr);
  return code;
}

std::uint64_t UptimeMs() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000000;
}

Result<WindowMapping> OpenWindow(const Options& options) {
  constexpr milliseconds kFirstDelay{100};
  constexpr milliseconds kLongestDelay{5000};
  const auto deadline = steady_clock::now() + options.wait;
  for (auto delay = kFirstDelay;; delay = std::min(2 * delay, kLongestDelay)) {
    auto mapping = options.window_path.empty() ? WindowMapping::FindDevice("")
                                               : WindowMapping::OpenFile(options.window_path);
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    if (mapping.ok() || left.count() <= 0) return mapping;
    if (delay == kFirstDelay)
      std::cerr << "marrow-agent: waiting: " << mapping.error() << std::endl;
    std::this_thread::sleep_for(std::min(delay, left));
  }
}

// A descriptor that becomes readable when this process is told to end.
UniqueFd BlockStopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  return UniqueFd(signalfd(-1, &stop, SFD_CLOEXEC));
}

// True if told to end before `deadline`.
bool StopsBefore(steady_clock::time_point deadline, const UniqueFd& stop) {
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd poll_stop{stop.get(), POLLIN, 0};
    const int ready = poll(&poll_stop, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

int RunPublish(const Options& options) {
  auto profile = LoadProfile(options.profile);
  if (!profile.ok()) return Fail(profile.error(), kFailed);
  auto mapping = OpenWindow(options);
  if (!mapping.ok()) return Fail(mapping.error(), kNoWindow);
  const UniqueFd stop = BlockStopSignals();
  if (!stop.ok()) return Fail(std::string("signalfd: ") + std::strerror(errno), kFailed);
  const auto period_ms = options.once ? 0u : static_cast<std::uint32_t>(options.period.count());
  auto agent = Agent::Start({"", std::move(*profile), period_ms}, std::move(*mapping), std::cerr);
  if (!agent.ok()) return Fail(agent.error(), kFailed);
  if (options.once) return kDone;
  auto next = steady_clock::now();
  do {
    agent->Tick(UptimeMs());
    // After a long stop (a paused VM) beats are not made up for.
    next = std::max(next + options.period, steady_clock::now());
  } while (!StopsBefore(next, stop));
  agent->Shutdown();
  return kDone;
}

int RunDryRun(const Options& options) {
  const auto profile = LoadProfile(options.profile);
  if (!profile.ok()) return Fail(profile.error(), kFailed);
  PrintPlan(MakePlan(*profile, "", kLargestRoom), options.verbose, std::cout);
  return kDone;
}

int RunExplain(const Options& options) {
  const auto profile = LoadProfile(options.profile);
  if (!profile.ok()) return Fail(profile.error(), kFailed);
  const LinuxKernel kernel = LoadKernel("");
  const Plan plan = MakePlan(*profile, kernel, kLargestRoom);
  const auto cost = Measure(plan, kernel);
  if (!cost.ok()) return Fail(cost.error(), kFailed);
  PrintCost(options.profile, plan, *cost, options.verbose, std::cout);
  return kDone;
}

int RunRequestDump(const Options& options) {
  auto mapping = OpenWindow(options);
  if (!mapping.ok()) return Fail(mapping.error(), kNoWindow);
  guest::Window& window = mapping->window();
  std::uint64_t sequence = 0;
  const auto error = window.Request(MARROW_REQUEST_DUMP, options.dump_text.c_str(), &sequence);
  if (error != guest::Error::kNone) return Fail(guest::Describe(error), kFailed);
  const auto deadline = steady_clock::now() + options.dump_timeout;
  const guest::Ack ack = window.AwaitAck(sequence, [deadline] {
    std::this_thread::sleep_for(milliseconds(5));
    return steady_clock::now() < deadline;
  });
  if (ack.error != guest::Error::kNone) {
    std::string message = guest::Describe(ack.error);
    if (ack.retry_after_ms != 0) {
      message += "; ask again in " + std::to_string(ack.retry_after_ms) + " ms";
    }
    return Fail(message, kFailed);
  }
  std::cout << "captured (request " << sequence << ")" << std::endl;
  return kDone;
}

int Main(int argc, char** argv) {
  const auto parsed = ParseOptions(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const auto& options = std::get<Options>(parsed);
  switch (options.command) {
    case Command::kPublish:
      return RunPublish(options);
    case Command::kDryRun:
      return RunDryRun(options);
    case Command::kExplain:
      return RunExplain(options);
    case Command::kRequestDump:
      return RunRequestDump(options);
  }
  return kUsage;
}

}  // namespace
}  // namespace marrow::agent

int main(int argc, char** argv) { return marrow::agent::Main(argc, argv); }
