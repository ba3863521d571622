// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/printk_ring.h"

#include <array>
#include <optional>

namespace marrow::profile {
namespace {

// Far above what a kernel accepts: log_buf_len is at most 2 GiB.
constexpr std::uint32_t kMaxRingBits = 31;

// The VMCOREINFO lines that describe the structures.
struct Layout {
  std::uint64_t ring_bytes, desc_bytes, info_bytes;
  std::uint64_t desc_ring, text_ring;
  std::uint64_t count_bits, descs, infos;
  std::uint64_t size_bits, data;
};

Result<Layout> FindLayout(const Vmcoreinfo& info) {
  if (info.empty()) return Failure{"VMCOREINFO cannot be read"};
  Layout layout{};
  const struct {
    std::uint64_t* value;
    bool size;
    const char* name;
  } wanted[] = {
      {&layout.ring_bytes, true, "printk_ringbuffer"},
      {&layout.desc_bytes, true, "prb_desc"},
      {&layout.info_bytes, true, "printk_info"},
      {&layout.desc_ring, false, "printk_ringbuffer.desc_ring"},
      {&layout.text_ring, false, "printk_ringbuffer.text_data_ring"},
      {&layout.count_bits, false, "prb_desc_ring.count_bits"},
      {&layout.descs, false, "prb_desc_ring.descs"},
      {&layout.infos, false, "prb_desc_ring.infos"},
      {&layout.size_bits, false, "prb_data_ring.size_bits"},
      {&layout.data, false, "prb_data_ring.data"},
  };
  constexpr std::uint64_t kMaxStructureBytes = 1 << 16;
  for (const auto& want : wanted) {
    const auto value = want.size ? info.Size(want.name) : info.Offset(want.name);
    if (!value || *value > kMaxStructureBytes) {
      return Failure{std::string("VMCOREINFO does not describe ") + want.name +
                     "; kernels before 5.10 keep their log in another form"};
    }
    *want.value = *value;
  }
  return layout;
}

}  // namespace

Result<std::vector<NamedRange>> FollowPrintkRing(const KernelView& view) {
  const auto layout = FindLayout(view.vmcoreinfo);
  if (!layout.ok()) return layout.failure();
  const auto prb = view.Symbol("prb");
  if (!prb) return Failure{"no symbol prb"};
  const auto ring = view.ReadU64(*prb);
  if (!ring) return Failure{"kernel memory cannot be read"};
  const std::uint64_t desc_ring = *ring + layout->desc_ring;
  const std::uint64_t text_ring = *ring + layout->text_ring;
  const auto count_bits = view.ReadU32(desc_ring + layout->count_bits);
  const auto descs = view.ReadU64(desc_ring + layout->descs);
  const auto infos = view.ReadU64(desc_ring + layout->infos);
  const auto size_bits = view.ReadU32(text_ring + layout->size_bits);
  const auto data = view.ReadU64(text_ring + layout->data);
  if (!count_bits || !descs || !infos || !size_bits || !data) {
    return Failure{"prb points to memory that cannot be read"};
  }
  if (*count_bits > kMaxRingBits || *size_bits > kMaxRingBits) {
    return Failure{"prb does not point to a printk ring buffer"};
  }
  const std::uint64_t count = std::uint64_t{1} << *count_bits;
  return std::vector<NamedRange>{
      {"prb", *prb, sizeof(std::uint64_t)},
      {"printk_ringbuffer", *ring, layout->ring_bytes},
      {"printk_ringbuffer.descs", *descs, count * layout->desc_bytes},
      {"printk_ringbuffer.infos", *infos, count * layout->info_bytes},
      {"printk_ringbuffer.data", *data, std::uint64_t{1} << *size_bits},
  };
}

}  // namespace marrow::profile
