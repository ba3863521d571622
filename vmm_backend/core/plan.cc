// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vmm_backend/core/guest_space.h"
#include "vmm_backend/core/guest_text.h"
#include "vmm_backend/core/page_plan.h"

namespace marrow {
namespace {

// x86-64 Linux: THREAD_SIZE without KASAN, and the alignment of every task stack.
constexpr std::uint64_t kKernelStackBytes = 16384;
constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;

// Pages that may be looked at for each page that may be captured: a table of overlapping or
// unmapped regions runs out of steps long before it costs time.
constexpr std::uint64_t kStepsPerPage = 4;

class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input),
        steps_left_(kStepsPerPage * (input.limits.capture_bytes / kPageBytes)),
        pages_(*input.ram, input.limits.capture_bytes),
        space_(*input.memory, pages_) {
    if (input.table != nullptr) {
      const marrow_facts& facts = input.table->facts;
      space_.set_root({.table = Gpa{facts.page_table_root}, .levels = facts.page_table_levels});
    }
  }

  CapturePlan Run() {
    if (input_.table != nullptr) {
      PlanTable(*input_.table);
    } else {
      Miss({.what = "region table", .why = "the guest has not published one"});
    }
    if (input_.vcpus != nullptr) PlanStacks(*input_.vcpus);
    if (input_.table != nullptr) PlanGraph(*input_.table);
    MissSome("virtual addresses", pages_.aliases_left_out(), "pages mapped too often");
    MissSome("page tables", pages_.tables_left_out(),
             "excluded by host policy, or over the configured limit for a capture");
    MissSome("pages that read as zeros", pages_.zeros_left_out(), kOverCaptureLimit);
    plan_.zero_pages = pages_.TakeZeroPages();
    plan_.pages = pages_.TakePages();
    plan_.aliases = pages_.TakeAliases();
    if (input_.table != nullptr) AliasKernelImage(input_.table->facts);
    return std::move(plan_);
  }

 private:
  void Miss(MissingPart part) {
    if (plan_.missing.size() < input_.limits.missing) {
      plan_.missing.push_back(std::move(part));
    } else {
      ++plan_.missing_not_listed;
    }
  }

  void MissSome(absl::string_view what, std::uint64_t count, absl::string_view why) {
    if (count == 0) return;
    Miss({.what = std::string(what), .why = absl::StrCat(count, " of them: ", why)});
  }

  bool TakeStep() {
    if (steps_left_ == 0) return false;
    --steps_left_;
    return true;
  }

  void PlanTable(const RegionTable& table) {
    for (const RejectedEntry& entry : table.rejected) {
      Miss({.what = absl::StrFormat("region %d \"%s\"", entry.id, entry.name),
            .why = absl::StrCat("invalid entry: ", entry.why)});
    }
    if (table.regions_over_limit != 0) {
      Miss({.what = "region table",
            .why = absl::StrCat(table.regions_over_limit, " entries over the configured limit")});
      if (input_.excluded.any()) unknown_exclusions_ = "not all entries were looked at";
    }
    for (const RegionEntry& region : table.regions) {
      if (input_.excluded.test(region.region_class) && !Forbid(region)) {
        unknown_exclusions_ = absl::StrFormat("pages of region %d are unknown", region.id);
      }
    }
    for (const bool log : {true, false}) {
      for (const RegionEntry& region : table.regions) {
        if ((region.region_class == MARROW_CLASS_LOG) == log) PlanRegion(region);
      }
    }
  }

  // Keeps the pages of an excluded region out, whoever else asks for them. False if some of them
  // may not be known.
  bool Forbid(const RegionEntry& region) {
    if (region.address_kind == AddressKind::kGpa) {
      pages_.Forbid(Gpa{region.address}, region.size);
      return true;
    }
    const std::uint64_t last = region.address + (region.size - 1);
    for (std::uint64_t at = region.address; TakeStep();) {
      const absl::StatusOr<Translation> found = space_.TranslatePage(Gva{PageDown(at)});
      if (!found.ok() && !absl::IsNotFound(found.status())) return false;
      const std::uint64_t leaf = found.ok() ? found->leaf_bytes : kPageBytes;
      const std::uint64_t to_end = leaf - 1 - at % leaf;
      const std::uint64_t bytes = std::min(last - at, to_end) + 1;
      if (found.ok()) pages_.Forbid(Gpa{Raw(found->gpa) + at % kPageBytes}, bytes);
      if (last - at <= to_end) return true;
      at += bytes;
    }
    return false;
  }

  void PlanRegion(const RegionEntry& region) {
    const std::string what = absl::StrFormat("region %d \"%s\"", region.id, region.name);
    PlannedRegion planned{.region = region};
    if (input_.excluded.test(region.region_class)) {
      Miss({what, region.address, region.size, std::string(kExcludedByPolicy)});
    } else {
      const std::uint64_t wanted = std::min(region.size, input_.limits.region_bytes);
      if (region.address_kind == AddressKind::kGpa) {
        PlanPhysical(region.address, wanted, what, planned.pages);
      } else {
        PlanVirtual(region.address, wanted, what, planned.pages);
      }
      if (wanted < region.size) {
        Miss({what, region.address + wanted, region.size - wanted,
              "over the configured limit for one region"});
      }
    }
    plan_.regions.push_back(std::move(planned));
  }

  // [address, address + bytes) does not wrap; bytes is not 0.
  void PlanPhysical(std::uint64_t address, std::uint64_t bytes, const std::string& what,
                    std::vector<Gpa>& pages) {
    const std::uint64_t last_page = PageDown(address + bytes - 1);
    for (std::uint64_t page = PageDown(address); page <= last_page; page += kPageBytes) {
      const std::uint64_t ram = input_.ram->NextRam(page);
      if (ram > page) {
        const std::uint64_t gap_end = std::min(ram, address + bytes);
        Miss({what, std::max(page, address), gap_end - std::max(page, address),
              "not RAM (MMIO, a hole, or beyond the end)"});
        if (ram > last_page) return;
        page = PageDown(ram);
      }
      const absl::string_view why = TakeStep() ? pages_.Add(Gpa{page}).why : kOverCaptureLimit;
      if (why == kOverCaptureLimit) {
        Miss({what, std::max(page, address), address + bytes - std::max(page, address),
              std::string(kOverCaptureLimit)});
        return;
      }
      if (why.empty()) {
        pages.push_back(Gpa{page});
      } else {
        MissPage(what, page, std::string(why));
      }
    }
  }

  void PlanVirtual(std::uint64_t address, std::uint64_t bytes, const std::string& what,
                   std::vector<Gpa>& pages) {
    const std::uint64_t last_page = PageDown(address + bytes - 1);
    for (std::uint64_t page = PageDown(address);; page += kPageBytes) {
      if (!TakeStep() || !pages_.HasRoom()) {
        Miss({what, std::max(page, address), address + bytes - std::max(page, address),
              std::string(kOverCaptureLimit)});
        return;
      }
      GuestSpace::Planned planned = space_.Plan(Gva{page});
      if (planned.why.empty()) {
        pages.push_back(planned.gpa);
      } else {
        MissPage(what, page, std::move(planned.why));
      }
      if (page == last_page) return;
    }
  }

  // Neighbouring pages that are missing for the same reason become one entry.
  void MissPage(const std::string& what, std::uint64_t page, std::string why) {
    if (!plan_.missing.empty()) {
      MissingPart& last = plan_.missing.back();
      if (last.what == what && last.why == why && last.address + last.bytes == page) {
        last.bytes += kPageBytes;
        return;
      }
    }
    Miss({what, page, kPageBytes, std::move(why)});
  }

  void AliasKernelImage(const marrow_facts& facts) {
    const std::uint64_t begin = PageDown(facts.kernel_start);
    const auto end = CheckedAdd(facts.kernel_end, kPageBytes - 1);
    if (facts.kernel_map == 0 || begin < facts.kernel_map || !end || PageDown(*end) <= begin)
      return;
    plan_.aliases.push_back({.gva = Gva{begin},
                             .gpa = Gpa{begin - facts.kernel_map + facts.phys_base},
                             .bytes = PageDown(*end) - begin});
  }

  // Other stacks than a task's (entry, exception, interrupt) are smaller and end in a hole: only
  // the page that sp points into must be there.
  void PlanStack(std::uint64_t begin, std::uint64_t end, const std::string& what) {
    for (std::uint64_t page = begin; page != end && TakeStep(); page += kPageBytes) {
      const std::string why = space_.Plan(Gva{page}).why;
      if (!why.empty() && page == begin) MissPage(what, page, why);
      if (!why.empty()) return;
    }
  }

  std::uint64_t StackBytes() const {
    if (input_.table == nullptr || !input_.table->graph) return kKernelStackBytes;
    const std::uint64_t bytes = input_.table->graph->header.stack_bytes;
    return bytes == 0 ? kKernelStackBytes : bytes;
  }

  void PlanStacks(const std::vector<VcpuState>& vcpus) {
    for (std::size_t i = 0; i < vcpus.size(); ++i) {
      const std::uint64_t sp = vcpus[i].registers.rsp;
      if (sp < kKernelHalf) continue;  // in user space: its kernel stack is empty
      const std::uint64_t begin = PageDown(sp);
      const std::uint64_t end = (sp | (StackBytes() - 1)) + 1;
      if (end == 0) continue;
      if (space_.root().table == Gpa{0})
        space_.set_root({.table = Gpa{vcpus[i].cr3}, .levels = vcpus[i].page_table_levels});
      PlanStack(begin, end, absl::StrCat("kernel stack of vCPU ", i));
    }
  }

  void PlanGraph(const RegionTable& table) {
    if (!table.graph_rejected.empty()) {
      Miss({.what = "graph", .why = absl::StrCat("invalid: ", table.graph_rejected)});
    }
    if (!table.graph) return;
    if (!unknown_exclusions_.empty()) {
      Miss({.what = "graph",
            .why =
                absl::StrCat("it might lead to what host policy excludes: ", unknown_exclusions_)});
      return;
    }
    graph::WalkInput walk{.graph = &*table.graph, .space = &space_};
    walk.limits.objects = input_.limits.walk_objects;
    walk.excluded_classes = static_cast<std::uint32_t>(input_.excluded.to_ulong());
    walk.registers_lost = input_.vcpus == nullptr || input_.vcpus->empty();
    if (input_.vcpus != nullptr) {
      for (const VcpuState& vcpu : *input_.vcpus) {
        const X86Registers& r = vcpu.registers;
        walk.vcpus.push_back({.ip = r.rip,
                              .sp = r.rsp,
                              .registers = {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp,
                                            r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15}});
      }
    }
    if (input_.clock) {
      walk.out_of_time = [this, ends = input_.clock() + input_.limits.walk_time] {
        return input_.clock() >= ends;
      };
    }
    ReportWalk(graph::Walk(walk));
  }

  void ReportWalk(graph::WalkReport report) {
    for (graph::RootReport& root : report.roots) {
      root.name = GuestText(root.name);
      if (!root.truncated.empty()) {
        Miss({.what = absl::StrFormat("root \"%s\"", root.name),
              .why = absl::StrCat("not followed to its end: ", root.truncated)});
      }
    }
    plan_.graph_roots = std::move(report.roots);
    for (const graph::Complaint& complaint : report.complaints) {
      const std::string root =
          complaint.root.empty() ? "" : absl::StrFormat("root \"%s\": ", GuestText(complaint.root));
      const std::string what = root + GuestText(complaint.what);
      if (complaint.address % kPageBytes == 0) {
        MissPage(what, complaint.address, complaint.why);
      } else {
        Miss({.what = what, .address = complaint.address, .why = complaint.why});
      }
    }
    plan_.missing_not_listed += report.complaints_not_told;
  }

  const PlanInput& input_;
  std::uint64_t steps_left_;
  CapturePlan plan_;
  PagePlan pages_;
  GuestSpace space_;
  std::string unknown_exclusions_;  // why not all that policy excludes is forbidden, or ""
};

}  // namespace

CapturePlan PlanCapture(const PlanInput& input) { return Planner(input).Run(); }

}  // namespace marrow
