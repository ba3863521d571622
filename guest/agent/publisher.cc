// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/publisher.h"

namespace marrow::agent {
namespace {

Failure WindowFailure(const std::string& what, guest::Error error) {
  return Failure{"publishing " + what + ": " + guest::Describe(error)};
}

}  // namespace

std::optional<Failure> Publish(guest::Window& window, const Plan& plan) {
  guest::Change change(window);
  if (const auto error = change.Clear(); error != guest::Error::kNone) {
    return WindowFailure("an empty table", error);
  }
  if (const auto error = change.SetFacts(plan.facts); error != guest::Error::kNone) {
    return WindowFailure("the facts", error);
  }
  // Before the regions: the former graph may be larger and in their way.
  if (const auto error = change.SetGraph(plan.graph.data(), plan.graph.size());
      error != guest::Error::kNone) {
    return WindowFailure("the graph", error);
  }
  std::uint64_t id = 0;
  for (const profile::RegionSpec& region : plan.table.regions) {
    const auto error = change.Register({++id, region.address, region.bytes, region.kind,
                                        region.region_class, region.name.c_str()});
    if (error != guest::Error::kNone) return WindowFailure("region " + region.name, error);
  }
  return std::nullopt;
}

}  // namespace marrow::agent
