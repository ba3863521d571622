// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_printk_ring.h"

#include <cstdlib>

#include "vmm_backend/elfcore/core_writer.h"

namespace marrow {
namespace {

constexpr std::uint64_t kIdMask = (std::uint64_t{1} << 62) - 1;
constexpr std::uint64_t kFailedLpos = 1;
constexpr std::uint64_t kNoLpos = 3;

constexpr absl::string_view kVmcoreinfo =
    "OSRELEASE=6.1.0-fake\n"
    "SYMBOL(prb)=ffffffff81000000\n"
    "SIZE(printk_ringbuffer)=80\n"
    "OFFSET(printk_ringbuffer.desc_ring)=0\n"
    "OFFSET(printk_ringbuffer.text_data_ring)=40\n"
    "SIZE(prb_desc_ring)=40\n"
    "OFFSET(prb_desc_ring.count_bits)=0\n"
    "OFFSET(prb_desc_ring.descs)=8\n"
    "OFFSET(prb_desc_ring.infos)=16\n"
    "OFFSET(prb_desc_ring.head_id)=24\n"
    "OFFSET(prb_desc_ring.tail_id)=32\n"
    "SIZE(prb_desc)=24\n"
    "OFFSET(prb_desc.state_var)=0\n"
    "OFFSET(prb_desc.text_blk_lpos)=8\n"
    "SIZE(prb_data_blk_lpos)=16\n"
    "OFFSET(prb_data_blk_lpos.begin)=0\n"
    "OFFSET(prb_data_blk_lpos.next)=8\n"
    "SIZE(printk_info)=88\n"
    "OFFSET(printk_info.seq)=0\n"
    "OFFSET(printk_info.ts_nsec)=8\n"
    "OFFSET(printk_info.text_len)=16\n"
    "SIZE(prb_data_ring)=32\n"
    "OFFSET(prb_data_ring.size_bits)=0\n"
    "OFFSET(prb_data_ring.data)=8\n"
    "SIZE(atomic_long_t)=8\n"
    "OFFSET(atomic_long_t.counter)=0\n";

std::uint64_t PageUp(std::uint64_t bytes) { return PageDown(bytes + kPageBytes - 1); }

}  // namespace

FakePrintkRing::FakePrintkRing(std::uint32_t count_bits, std::uint32_t size_bits,
                               ExactFit exact_fit)
    : vmcoreinfo(kVmcoreinfo),
      count_bits_(count_bits),
      size_bits_(size_bits),
      exact_fit_(exact_fit),
      head_lpos_(-ring_bytes()),
      tail_lpos_(-ring_bytes()) {
  // The pointer `prb` and the header share the first page.
  header_ = Gva{Raw(kBase) + 0x100};
  descs_ = Gva{Raw(kBase) + kPageBytes};
  infos_ = Gva{Raw(descs_) + PageUp(count() * kDescBytes)};
  data_ = Gva{Raw(infos_) + PageUp(count() * kInfoBytes)};
  memory_.resize(OffsetOf(data_) + PageUp(ring_bytes()));

  // In 32 bits, like the kernel's DESC0_ID.
  const std::uint64_t first_id = -(1u << count_bits) - 1u;
  const std::uint64_t header = Raw(header_);
  Store64(kBase, header);
  Store32(Gva{header + kCountBits}, count_bits);
  Store64(Gva{header + kDescs}, Raw(descs_));
  Store64(Gva{header + kInfos}, Raw(infos_));
  Store64(Gva{header + kHeadId}, first_id);
  Store64(Gva{header + kTailId}, first_id);
  Store32(Gva{header + kSizeBits}, size_bits);
  Store64(Gva{header + kDataPointer}, Raw(data_));
  SetState(first_id, State::kReusable);
  Store64(Gva{Raw(Descriptor(first_id)) + kBegin}, kFailedLpos);
  Store64(Gva{Raw(Descriptor(first_id)) + kNext}, kFailedLpos);
}

std::uint64_t FakePrintkRing::Append(std::uint64_t time_ns, absl::string_view text, State state) {
  const Gva head{Raw(header_) + kHeadId};
  const Gva tail{Raw(header_) + kTailId};
  const std::uint64_t id = (Load64(head) + 1) & kIdMask;
  if (((id - Load64(tail)) & kIdMask) == count()) Store64(tail, (Load64(tail) + 1) & kIdMask);
  Store64(head, id);

  std::uint64_t begin = kNoLpos;
  std::uint64_t next = kNoLpos;
  const std::uint64_t block_bytes = (sizeof(id) + text.size() + 7) / 8 * 8;
  const std::uint64_t end = NextLpos(head_lpos_, block_bytes);
  if (!text.empty() && end - head_lpos_ > ring_bytes()) {
    begin = next = kFailedLpos;
  } else if (!text.empty()) {
    begin = head_lpos_;
    next = end;
    PushOut(next);
    head_lpos_ = next;
    std::uint64_t at = begin % ring_bytes();
    Store64(Gva{Raw(data_) + at}, id);
    if (at + block_bytes > ring_bytes() || next - begin > block_bytes) at = 0;
    Store64(Gva{Raw(data_) + at}, id);
    std::memcpy(memory_.data() + OffsetOf(data_) + at + sizeof(id), text.data(), text.size());
  }
  Store64(Gva{Raw(Descriptor(id)) + kBegin}, begin);
  Store64(Gva{Raw(Descriptor(id)) + kNext}, next);
  SetState(id, state);
  Store64(Gva{Raw(Info(id)) + kSeq}, sequence_++);
  Store64(Gva{Raw(Info(id)) + kTsNsec}, time_ns);
  Store64(Gva{Raw(Info(id)) + kTextLen}, text.size());
  return id;
}

std::uint64_t FakePrintkRing::NextLpos(std::uint64_t begin, std::uint64_t bytes) const {
  const std::uint64_t next = begin + bytes;
  const bool same_lap = begin / ring_bytes() == next / ring_bytes();
  const bool exact = next % ring_bytes() == 0;
  if (same_lap || (exact && exact_fit_ == ExactFit::kStays)) return next;
  return next / ring_bytes() * ring_bytes() + bytes;
}

// Frees the blocks that a block up to `next_lpos` will overwrite.
void FakePrintkRing::PushOut(std::uint64_t next_lpos) {
  while (next_lpos - tail_lpos_ > ring_bytes()) {
    const std::uint64_t owner = Load64(Gva{Raw(data_) + tail_lpos_ % ring_bytes()});
    SetState(owner, State::kReusable);
    tail_lpos_ = Load64(Gva{Raw(Descriptor(owner)) + kNext});
  }
}

Gva FakePrintkRing::Descriptor(std::uint64_t id) const {
  return Gva{Raw(descs_) + id % count() * kDescBytes};
}

Gva FakePrintkRing::Info(std::uint64_t id) const {
  return Gva{Raw(infos_) + id % count() * kInfoBytes};
}

void FakePrintkRing::SetState(std::uint64_t id, State state) {
  Store64(Gva{Raw(Descriptor(id)) + kStateVar}, static_cast<std::uint64_t>(state) << 62 | id);
}

void FakePrintkRing::Store64(Gva gva, std::uint64_t value) {
  StoreAt(MutableBytes(memory_), OffsetOf(gva), value);
}

void FakePrintkRing::Store32(Gva gva, std::uint32_t value) {
  StoreAt(MutableBytes(memory_), OffsetOf(gva), value);
}

std::uint64_t FakePrintkRing::Load64(Gva gva) const {
  return LoadAt<std::uint64_t>(Bytes(memory_), OffsetOf(gva));
}

std::string FakePrintkRing::Core() const {
  CoreContent content;
  std::vector<std::size_t> offsets;
  for (std::size_t offset = 0; offset < memory_.size(); offset += kPageBytes) {
    if (dropped_.count(Raw(kBase) + offset) != 0) continue;
    content.pages.push_back(Gpa{Raw(kPhysicalBase) + offset});
    offsets.push_back(offset);
  }
  content.aliases = {{kBase, kPhysicalBase, memory_.size()}};
  content.notes = {{"VMCOREINFO", 0, vmcoreinfo}};
  StringSink sink;
  const auto layout = LayOutCore(std::move(content));
  const auto page = [&](std::size_t i) { return Bytes(memory_).subspan(offsets[i], kPageBytes); };
  if (!layout.ok() || !WriteCore(*layout, page, sink).ok()) std::abort();
  return std::move(sink.text);
}

}  // namespace marrow
