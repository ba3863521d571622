// SPDX-License-Identifier: Apache-2.0
// The life of a publishing agent: start, beat, republish, end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "guest/agent/plan.h"
#include "guest/agent/window_mapping.h"
#include "guest/profile/result.h"

namespace marrow::agent {

using profile::Failure;
using profile::Result;

struct AgentSettings {
  std::string root;  // "" but for tests
  Profile profile;
  std::uint32_t period_ms = 1000;  // 0: no heartbeat
};

// Not thread-safe. Losing sight of the host is not an error: the agent joins again when it is back.
class Agent {
 public:
  // Claims the window, publishes and goes ALIVE. `log` gets what an operator should know and must
  // outlive the agent.
  static Result<Agent> Start(AgentSettings settings, WindowMapping mapping, std::ostream& log);

  // To be called once each period: publishes again if modules came or went or the host formatted
  // the window anew, then beats.
  void Tick(std::uint64_t uptime_ms);

  // An orderly end: the host expects no more beats. The table stays.
  void Shutdown();

 private:
  Agent(AgentSettings settings, WindowMapping mapping, guest::Identity identity, std::ostream& log);

  // Claims the attached window and publishes.
  std::optional<Failure> Join();
  std::optional<Failure> PublishPlan();
  void Say(const std::string& text);

  AgentSettings settings_;
  WindowMapping mapping_;
  guest::Identity identity_;
  std::ostream* log_;
  std::string modules_;
  std::string last_said_;  // so that a lasting problem is said once
};

// Each line of `text` in one write, with the program's name: what goes to /dev/kmsg early in a boot
// makes a record of each write.
void WriteLines(std::string_view text, std::ostream& out);

// The 16 bytes of the boot id, in its text's order.
Result<guest::Identity> ReadIdentity(const std::string& root);

}  // namespace marrow::agent
