// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/core/plan.h"

#include <algorithm>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace marrow {
namespace {

// x86-64 Linux: THREAD_SIZE without KASAN, and the alignment of every task stack.
constexpr std::uint64_t kKernelStackBytes = 16384;
constexpr std::uint64_t kKernelHalf = std::uint64_t{1} << 63;

constexpr absl::string_view kOverCaptureLimit = "over the configured limit for a capture";
constexpr absl::string_view kExcluded = "its class is excluded by host policy";

// Pages that may be looked at for each page that may be captured: a table of overlapping or
// unmapped regions runs out of steps long before it costs time.
constexpr std::uint64_t kStepsPerPage = 4;

class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input), steps_left_(kStepsPerPage * (input.limits.capture_bytes / kPageBytes)) {
    if (input.table != nullptr) {
      const marrow_facts& facts = input.table->facts;
      root_ = {.table = Gpa{facts.page_table_root}, .levels = facts.page_table_levels};
    }
  }

  CapturePlan Run() {
    if (input_.table != nullptr) {
      PlanTable(*input_.table);
      AliasKernelImage(input_.table->facts);
    } else {
      Miss({.what = "region table", .why = "the guest has not published one"});
    }
    if (input_.vcpus != nullptr) PlanStacks(*input_.vcpus);
    std::sort(plan_.pages.begin(), plan_.pages.end());
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

  bool TakeStep() {
    if (steps_left_ == 0) return false;
    --steps_left_;
    return true;
  }

  bool HasRoom() const {
    return (plan_.pages.size() + 1) * kPageBytes <= input_.limits.capture_bytes;
  }

  // Why the page cannot be captured, or "".
  absl::string_view AddPage(Gpa page) {
    if (taken_.contains(Raw(page))) return "";
    if (!input_.ram->Contains(page, kPageBytes)) return "mapped to an address that is not RAM";
    if (forbidden_.contains(Raw(page))) return kExcluded;
    if (!HasRoom()) return kOverCaptureLimit;
    taken_.insert(Raw(page));
    plan_.pages.push_back(page);
    return "";
  }

  void PlanTable(const RegionTable& table) {
    for (const RejectedEntry& entry : table.rejected) {
      Miss({.what = absl::StrFormat("region %d \"%s\"", entry.id, entry.name),
            .why = absl::StrCat("invalid entry: ", entry.why)});
    }
    if (table.regions_over_limit != 0) {
      Miss({.what = "region table",
            .why = absl::StrCat(table.regions_over_limit, " entries over the configured limit")});
    }
    for (const RegionEntry& region : table.regions) {
      if (input_.excluded.test(region.region_class)) Forbid(region);
    }
    for (const bool log : {true, false}) {
      for (const RegionEntry& region : table.regions) {
        if ((region.region_class == MARROW_CLASS_LOG) == log) PlanRegion(region);
      }
    }
  }

  // Keeps the pages of an excluded region out, whoever else asks for them. Bounded like a capture
  // of it.
  void Forbid(const RegionEntry& region) {
    const std::uint64_t wanted = std::min(region.size, input_.limits.region_bytes);
    const std::uint64_t last_page = PageDown(region.address + wanted - 1);
    for (std::uint64_t page = PageDown(region.address); TakeStep(); page += kPageBytes) {
      if (region.address_kind == AddressKind::kGpa) {
        forbidden_.insert(page);
      } else if (const auto found = Translate(*input_.memory, root_, Gva{page}); found.ok()) {
        forbidden_.insert(Raw(PageOf(found->gpa)));
      }
      if (page == last_page) return;
    }
  }

  void PlanRegion(const RegionEntry& region) {
    const std::string what = absl::StrFormat("region %d \"%s\"", region.id, region.name);
    PlannedRegion planned{.region = region};
    if (input_.excluded.test(region.region_class)) {
      Miss({what, region.address, region.size, std::string(kExcluded)});
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
      const absl::string_view why = TakeStep() ? AddPage(Gpa{page}) : kOverCaptureLimit;
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
      if (!TakeStep() || !HasRoom()) {
        Miss({what, std::max(page, address), address + bytes - std::max(page, address),
              std::string(kOverCaptureLimit)});
        return;
      }
      std::string why = AddVirtualPage(Gva{page}, pages);
      if (!why.empty()) MissPage(what, page, std::move(why));
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

  // Plans the page and the tables that lead to it. Why not, or "".
  std::string AddVirtualPage(Gva page, std::vector<Gpa>& pages) {
    const absl::StatusOr<Translation> translation = Translate(*input_.memory, root_, page);
    if (!translation.ok()) {
      return absl::IsNotFound(translation.status())
                 ? "not mapped in the guest's page tables"
                 : absl::StrCat("no translation: ", translation.status().message());
    }
    for (int i = 0; i < translation->table_count; ++i) {
      // A table that does not fit any more costs drgn and crash this address, not the page itself.
      (void)AddPage(translation->table_pages[static_cast<std::size_t>(i)]);
    }
    const Gpa gpa = PageOf(translation->gpa);
    const absl::string_view why = AddPage(gpa);
    if (!why.empty()) return std::string(why);
    pages.push_back(gpa);
    AliasPage(page, gpa);
    return "";
  }

  void AliasPage(Gva gva, Gpa gpa) {
    if (!plan_.aliases.empty()) {
      VirtualAlias& last = plan_.aliases.back();
      if (Raw(last.gva) + last.bytes == Raw(gva) && Raw(last.gpa) + last.bytes == Raw(gpa)) {
        last.bytes += kPageBytes;
        return;
      }
    }
    plan_.aliases.push_back({.gva = gva, .gpa = gpa, .bytes = kPageBytes});
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
    std::vector<Gpa> pages;
    for (std::uint64_t page = begin; page != end && TakeStep(); page += kPageBytes) {
      std::string why = AddVirtualPage(Gva{page}, pages);
      if (!why.empty() && page == begin) MissPage(what, page, why);
      if (!why.empty()) return;
    }
  }

  void PlanStacks(const std::vector<VcpuState>& vcpus) {
    for (std::size_t i = 0; i < vcpus.size(); ++i) {
      const std::uint64_t sp = vcpus[i].registers.rsp;
      if (sp < kKernelHalf) continue;  // in user space: its kernel stack is empty
      const std::uint64_t begin = PageDown(sp);
      const std::uint64_t end = (sp | (kKernelStackBytes - 1)) + 1;
      if (end == 0) continue;
      if (root_.table == Gpa{0}) root_ = {.table = Gpa{vcpus[i].cr3}, .levels = 4};
      PlanStack(begin, end, absl::StrCat("kernel stack of vCPU ", i));
    }
  }

  const PlanInput& input_;
  std::uint64_t steps_left_;
  CapturePlan plan_;
  PageTableRoot root_;
  std::unordered_set<std::uint64_t> taken_;
  std::unordered_set<std::uint64_t> forbidden_;  // pages that hold something of an excluded class
};

}  // namespace

CapturePlan PlanCapture(const PlanInput& input) { return Planner(input).Run(); }

}  // namespace marrow
