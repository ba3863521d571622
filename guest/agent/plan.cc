// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/plan.h"

#include <cstring>
#include <utility>

#include "guest/lib/graph_check.h"
#include "guest/profile/compile.h"

namespace marrow::agent {

using profile::BuildFacts;
using profile::Compilation;
using profile::Compile;
using profile::FitTable;
namespace {

// Nothing if the block may be published.
std::string WhyUnsound(std::string_view graph) {
  const guest::GraphFault fault = guest::CheckGraph(graph.data(), graph.size());
  if (fault.ok()) return "";
  return "no graph: its " + std::string(PartName(fault.part)) + " " + std::to_string(fault.index) +
         " is wrong (" + fault.what + "); only listed regions are published";
}

void FitInto(std::size_t room, std::vector<profile::RegionSpec> regions, Plan* plan) {
  const std::size_t capacity = room / sizeof(marrow_region);
  if (!plan->graph.empty()) {
    if (plan->graph.size() <= room) {
      plan->table = FitTable(regions, (room - plan->graph.size()) / sizeof(marrow_region));
      if (plan->table.dropped.empty()) return;
    }
    const std::size_t wanted = plan->graph.size() + regions.size() * sizeof(marrow_region);
    plan->losses.push_back("no graph: it takes " + std::to_string(plan->graph.size()) +
                           " bytes of a window that has " + std::to_string(room) +
                           " for graph and regions; only listed regions are published. Give the "
                           "VM a window with " +
                           std::to_string(wanted) + " bytes and more behind its header");
    plan->graph.clear();
  }
  plan->table = FitTable(std::move(regions), capacity);
  if (plan->table.dropped.empty()) return;
  plan->losses.push_back("not published: the last " + std::to_string(plan->table.dropped.size()) +
                         " regions from " + plan->table.dropped.front().name +
                         " on, as the window holds no more than " + std::to_string(capacity) +
                         "; give the VM a larger window");
}

}  // namespace

Plan MakePlan(const Profile& profile, const LinuxKernel& kernel, std::size_t room) {
  Compilation compiled = Compile(profile, kernel.view, *kernel.types);
  Plan plan;
  plan.facts = BuildFacts(kernel.view);
  plan.losses = kernel.losses;
  plan.missing = std::move(compiled.missing);
  plan.skipped = std::move(compiled.skipped);
  if (!compiled.graph.empty()) {
    plan.graph = compiled.graph.Encode();
    if (std::string unsound = WhyUnsound(plan.graph); !unsound.empty()) {
      plan.losses.push_back(std::move(unsound));
      plan.graph.clear();
    }
  }
  FitInto(room, std::move(compiled.regions), &plan);
  return plan;
}

Plan MakePlan(const Profile& profile, const std::string& root, std::size_t room) {
  return MakePlan(profile, LoadKernel(root), room);
}

marrow_graph_header GraphHeaderOf(std::string_view graph) {
  marrow_graph_header header{};
  if (graph.size() >= sizeof(header)) std::memcpy(&header, graph.data(), sizeof(header));
  return header;
}

}  // namespace marrow::agent
