// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/explain.h"

#include <algorithm>
#include <iomanip>
#include <span>
#include <string>

#include "guest/agent/describe.h"
#include "guest/agent/kcore_space.h"
#include "guest/graph/graph.h"

namespace marrow::agent {

using profile::Failure;
using profile::RegionSpec;
using profile::Result;
namespace {

// A terminal's page; -v shows all that the walk told.
constexpr std::size_t kComplaintsShown = 10;

void PrintRow(std::string_view name, std::uint64_t objects, std::uint64_t pages,
              std::ostream& out) {
  out << std::left << std::setw(34) << name << std::right << std::setw(9) << objects << std::setw(8)
      << pages << std::setw(10) << pages * 4096 << "\n";
}

void PrintComplaints(const graph::WalkReport& walk, bool verbose, std::ostream& out) {
  const std::size_t told = walk.complaints.size();
  if (told + walk.complaints_not_told == 0) return;
  out << "\nwhat could not be had (some of it moved while it was read, as the kernel lives):\n";
  const std::size_t shown = verbose ? told : std::min(told, kComplaintsShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const graph::Complaint& complaint = walk.complaints[i];
    out << "  " << complaint.root << ": " << complaint.what << " at 0x" << std::hex
        << complaint.address << std::dec << ": " << complaint.why << "\n";
  }
  const std::uint64_t hidden = told - shown + walk.complaints_not_told;
  if (hidden != 0) out << "  and " << hidden << " more" << (verbose ? "" : " (-v)") << "\n";
}

void PrintLines(std::string_view start, const std::vector<std::string>& lines, std::ostream& out) {
  for (const std::string& line : lines) out << start << line << "\n";
}

}  // namespace

Result<Cost> Measure(const Plan& plan, const LinuxKernel& kernel) {
  Cost cost;
  if (kernel.view.memory == nullptr) {
    return Failure{
        "/proc/kcore cannot be read, so nothing can be measured: run as root, on a kernel with "
        "CONFIG_PROC_KCORE, not locked down for confidentiality"};
  }
  KcoreSpace space(kernel.view, plan.facts);
  for (const RegionSpec& region : plan.table.regions) cost.region_pages += space.KeepRegion(region);
  if (!plan.graph.empty()) {
    const auto graph = graph::ParseGraph(std::as_bytes(std::span<const char>(plan.graph)));
    if (!graph.ok()) return graph.failure();
    graph::WalkInput input;
    input.graph = &*graph;
    input.space = &space;
    cost.walk = graph::Walk(input);
  }
  cost.table_pages = space.kept_tables();
  cost.total_pages = space.kept_pages();
  return cost;
}

void PrintCost(std::string_view name, const Plan& plan, const Cost& cost, bool verbose,
               std::ostream& out) {
  out << "profile " << name << ": " << plan.table.regions.size() << " regions, "
      << DescribeGraph(plan.graph) << "\n\n";
  out << std::left << std::setw(34) << "from" << std::right << std::setw(9) << "objects"
      << std::setw(8) << "pages" << std::setw(10) << "bytes"
      << "\n";
  PrintRow("(regions)", plan.table.regions.size(), cost.region_pages, out);
  for (const graph::RootReport& root : cost.walk.roots) {
    PrintRow(root.name, root.objects, root.pages, out);
    if (!root.truncated.empty()) out << "  cut short: " << root.truncated << "\n";
  }
  out << "\nEach page of 4096 bytes counts once, where it is reached first. In total, with "
      << cost.table_pages << " page tables:\n"
      << DescribePages(cost.total_pages) << ", " << cost.total_pages * 4096 << " bytes\n"
      << "A crash adds the stacks that its CPUs run on, what their code addresses look up, "
         "and what live roots find there.\n";
  PrintComplaints(cost.walk, verbose, out);
  if (!plan.losses.empty() || !plan.missing.empty()) out << "\n";
  PrintLines("", plan.losses, out);
  PrintLines("nothing from profile ", plan.missing, out);
  if (verbose) PrintLines("nothing from optional profile ", plan.skipped, out);
}

}  // namespace marrow::agent
