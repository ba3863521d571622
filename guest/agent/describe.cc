// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/describe.h"

#include <iomanip>

namespace marrow::agent {

using profile::ClassName;
using profile::RegionSpec;
using profile::SizeOfTable;
using profile::TableSize;
namespace {

struct Hex {
  std::uint64_t value;
};

std::ostream& operator<<(std::ostream& out, Hex hex) {
  return out << "0x" << std::hex << std::setw(16) << std::setfill('0') << hex.value << std::dec
             << std::setfill(' ');
}

void PrintFacts(const marrow_facts& facts, std::ostream& out) {
  const struct {
    const char* name;
    std::uint64_t value;
  } rows[] = {
      {"page_table_root", facts.page_table_root},
      {"phys_base", facts.phys_base},
      {"kernel_map", facts.kernel_map},
      {"kaslr_offset", facts.kaslr_offset},
      {"kernel_start", facts.kernel_start},
      {"kernel_end", facts.kernel_end},
      {"direct_map", facts.direct_map},
      {"vmalloc_base", facts.vmalloc_base},
      {"vmemmap_base", facts.vmemmap_base},
      {"vmcoreinfo_gpa", facts.vmcoreinfo_gpa},
      {"vmcoreinfo_bytes", facts.vmcoreinfo_bytes},
  };
  for (const auto& row : rows) {
    out << std::left << std::setw(18) << row.name << std::right << Hex{row.value} << "\n";
  }
  out << "machine " << facts.machine << ", " << int{facts.page_table_levels}
      << "-level page tables, " << facts.cpu_count << " possible CPUs\n\n";
}

}  // namespace

void PrintPlan(const Plan& plan, bool verbose, std::ostream& out) {
  if (verbose) PrintFacts(plan.facts, out);
  out << "kind address                 bytes class        name\n";
  for (const RegionSpec& region : plan.table.regions) {
    out << (region.kind == MARROW_ADDRESS_GPA ? "gpa  " : "gva  ") << Hex{region.address}
        << std::setw(11) << region.bytes << " " << std::left << std::setw(12)
        << ClassName(static_cast<std::uint16_t>(region.region_class)) << std::right << " "
        << region.name << "\n";
  }
  const TableSize size = SizeOfTable(plan.table.regions);
  out << plan.table.regions.size() << " regions, " << size.bytes << " bytes in " << size.pages
      << " pages (" << size.pages * 4 << " KiB)\n"
      << DescribeGraph(plan.graph) << "\n";
  for (const std::string& loss : plan.losses) out << loss << "\n";
  for (const std::string& missing : plan.missing) out << "nothing from profile " << missing << "\n";
  if (!verbose) return;
  for (const std::string& skipped : plan.skipped) {
    out << "nothing from optional profile " << skipped << "\n";
  }
}

std::string DescribeGraph(std::string_view graph) {
  if (graph.empty()) return "no graph";
  const marrow_graph_header header = GraphHeaderOf(graph);
  return "a graph of " + std::to_string(header.type_count) + " types, " +
         std::to_string(header.edge_count) + " edges, " + std::to_string(header.root_count) +
         " roots and " + std::to_string(header.lookup_count) + " lookup tables in " +
         std::to_string(graph.size()) + " bytes";
}

std::string DescribePages(std::uint64_t pages) {
  return std::to_string(pages) + " pages, " + std::to_string(pages * 4) + " KiB";
}

}  // namespace marrow::agent
