// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/agent.h"

#include <malloc.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "guest/agent/describe.h"
#include "guest/agent/files.h"
#include "guest/agent/publisher.h"
#include "guest/profile/scan.h"

namespace marrow::agent {

using profile::ParseHex;
using profile::SizeOfTable;
using profile::TableSize;
using profile::TakeLine;
using profile::Trim;
namespace {

// Nothing if they cannot be told: a kernel without modules, or /proc is gone.
std::optional<std::string> ReadModules(const std::string& root) {
  const auto text = ReadFile(root + "/proc/modules");
  if (!text.ok()) return std::nullopt;
  return ModuleFingerprint(*text);
}

std::optional<Failure> AsFailure(const std::string& what, guest::Error error) {
  if (error == guest::Error::kNone) return std::nullopt;
  return Failure{what + ": " + guest::Describe(error)};
}

}  // namespace

Result<guest::Identity> ReadIdentity(const std::string& root) {
  const std::string path = root + "/proc/sys/kernel/random/boot_id";
  const auto text = ReadFile(path);
  if (!text.ok()) return text.failure();
  std::string digits(Trim(*text));
  digits.erase(std::remove(digits.begin(), digits.end(), '-'), digits.end());
  guest::Identity identity{};
  identity.writer = MARROW_WRITER_AGENT;
  const std::string_view hex = digits;
  if (hex.size() != 2 * sizeof(identity.boot_id)) return Failure{path + ": not a UUID"};
  for (std::size_t i = 0; i < sizeof(identity.boot_id); ++i) {
    const auto byte = ParseHex(hex.substr(2 * i, 2));
    if (!byte) return Failure{path + ": not a UUID"};
    identity.boot_id[i] = static_cast<std::uint8_t>(*byte);
  }
  return identity;
}

void WriteLines(std::string_view text, std::ostream& out) {
  while (!text.empty()) {
    out << ("marrow-agent: " + std::string(TakeLine(&text)) + "\n") << std::flush;
  }
}

Agent::Agent(AgentSettings settings, WindowMapping mapping, guest::Identity identity,
             std::ostream& log)
    : settings_(std::move(settings)),
      mapping_(std::move(mapping)),
      identity_(identity),
      log_(&log) {}

Result<Agent> Agent::Start(AgentSettings settings, WindowMapping mapping, std::ostream& log) {
  const auto identity = ReadIdentity(settings.root);
  if (!identity.ok()) return identity.failure();
  Agent agent(std::move(settings), std::move(mapping), *identity, log);
  if (const auto failure = agent.Join()) return *failure;
  return agent;
}

std::optional<Failure> Agent::Join() {
  guest::Window& window = mapping_.window();
  if (const auto failure = AsFailure("claiming the window", window.Claim(identity_))) {
    return failure;
  }
  if (const auto failure = PublishPlan()) return failure;
  if (const auto failure = AsFailure("heartbeat", window.SetPeriod(settings_.period_ms))) {
    return failure;
  }
  return AsFailure("state", window.SetState(MARROW_STATE_ALIVE));
}

std::optional<Failure> Agent::PublishPlan() {
  modules_ = ReadModules(settings_.root).value_or("");
  guest::Window& window = mapping_.window();
  const Plan plan = MakePlan(settings_.profile, settings_.root, window.graph_capacity(0));
  // The symbols took some 10 MB; between plans the agent should be small.
  malloc_trim(0);
  if (auto failure = Publish(window, plan)) return failure;
  const TableSize size = SizeOfTable(plan.table.regions);
  std::string text;
  for (const std::string& loss : plan.losses) text += loss + "\n";
  if (!plan.missing.empty()) {
    text += std::to_string(plan.missing.size()) +
            " profile lines gave nothing, the first: " + plan.missing.front() +
            " (all: marrow-agent --dry-run)\n";
  }
  Say(text + "published " + std::to_string(plan.table.regions.size()) + " regions, " +
      std::to_string(size.bytes) + " bytes in " + std::to_string(size.pages) + " pages, " +
      DescribeGraph(plan.graph) + ", to " + mapping_.path());
  return std::nullopt;
}

void Agent::Tick(std::uint64_t uptime_ms) {
  guest::Window& window = mapping_.window();
  std::optional<Failure> failure;
  if (!window.claimed() || window.HostReformatted()) {
    failure = AsFailure("joining the host again", mapping_.Reattach());
    if (!failure) failure = Join();
  } else if (const auto modules = ReadModules(settings_.root); modules && *modules != modules_) {
    failure = PublishPlan();
  }
  if (!failure) failure = AsFailure("heartbeat", window.Beat(uptime_ms));
  if (failure) Say(failure->message);
}

void Agent::Shutdown() {
  const auto failure =
      AsFailure("shutting down", mapping_.window().SetState(MARROW_STATE_SHUTDOWN));
  if (failure) Say(failure->message);
}

void Agent::Say(const std::string& text) {
  if (text == last_said_) return;
  last_said_ = text;
  WriteLines(text, *log_);
}

}  // namespace marrow::agent
