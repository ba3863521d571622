// SPDX-License-Identifier: Apache-2.0
#include "server/triage/printk_ring.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

// log_buf_len= goes up to 2 GiB, with one descriptor for every 32 bytes.
constexpr std::uint32_t kMaxSizeBits = 31;
constexpr std::uint32_t kMaxCountBits = 26;

// Logical positions are aligned, so the low bit marks blocks that have no data. Before 6.9 the name
// of the second was NO_LPOS, with the same meaning: the text is empty.
constexpr std::uint64_t kFailedLpos = 1;
constexpr std::uint64_t kEmptyLineLpos = 3;

// Takes sizes and offsets out of VMCOREINFO; remembers the first thing wrong.
class FormatReader {
 public:
  explicit FormatReader(const Vmcoreinfo& vmcoreinfo) : vmcoreinfo_(vmcoreinfo) {}

  std::uint64_t Size(absl::string_view type) {
    const auto value = vmcoreinfo_.SizeOf(type);
    if (!value.has_value()) return Missing("SIZE", type);
    if (*value == 0 || *value > kPageBytes) return Absurd("SIZE", type, *value);
    return *value;
  }

  // Of a field of `field_bytes` in a structure of `struct_bytes`.
  std::uint64_t Offset(absl::string_view field, std::uint64_t struct_bytes,
                       std::uint64_t field_bytes) {
    const auto value = vmcoreinfo_.Offset(field);
    if (!value.has_value()) return Missing("OFFSET", field);
    if (field_bytes > struct_bytes || *value > struct_bytes - field_bytes) {
      return Absurd("OFFSET", field, *value);
    }
    return *value;
  }

  Gva Symbol(absl::string_view name) {
    const auto value = vmcoreinfo_.Symbol(name);
    return Gva{value.has_value() ? *value : Missing("SYMBOL", name)};
  }

  const absl::Status& status() const { return status_; }

 private:
  std::uint64_t Missing(absl::string_view kind, absl::string_view name) {
    status_.Update(absl::NotFoundError(
        absl::StrCat("VMCOREINFO has no ", kind, "(", name,
                     "): the kernel is older than 5.10 or its VMCOREINFO is damaged")));
    return 0;
  }
  std::uint64_t Absurd(absl::string_view kind, absl::string_view name, std::uint64_t value) {
    status_.Update(absl::InvalidArgumentError(
        absl::StrCat("VMCOREINFO: ", kind, "(", name, ")=", value, " cannot be")));
    return 0;
  }

  const Vmcoreinfo& vmcoreinfo_;
  absl::Status status_;
};

absl::Status DamagedRing(absl::string_view field, std::uint64_t value) {
  return absl::InvalidArgumentError(
      absl::StrCat("printk ring: ", field, " is ", value, ", which no kernel makes"));
}

}  // namespace

absl::StatusOr<PrintkFormat> ReadPrintkFormat(const Vmcoreinfo& vmcoreinfo) {
  constexpr std::uint64_t kLong = 8;
  constexpr std::uint64_t kInt = 4;
  FormatReader reader(vmcoreinfo);
  PrintkFormat f;
  f.prb = reader.Symbol("prb");
  const std::uint64_t atomic_bytes = reader.Size("atomic_long_t");
  f.counter = reader.Offset("atomic_long_t.counter", atomic_bytes, kLong);

  f.lpos.bytes = reader.Size("prb_data_blk_lpos");
  f.lpos.begin = reader.Offset("prb_data_blk_lpos.begin", f.lpos.bytes, kLong);
  f.lpos.next = reader.Offset("prb_data_blk_lpos.next", f.lpos.bytes, kLong);

  f.desc.bytes = reader.Size("prb_desc");
  f.desc.state_var = reader.Offset("prb_desc.state_var", f.desc.bytes, atomic_bytes);
  f.desc.text_blk_lpos = reader.Offset("prb_desc.text_blk_lpos", f.desc.bytes, f.lpos.bytes);

  f.info.bytes = reader.Size("printk_info");
  f.info.seq = reader.Offset("printk_info.seq", f.info.bytes, 8);
  f.info.ts_nsec = reader.Offset("printk_info.ts_nsec", f.info.bytes, 8);
  f.info.text_len = reader.Offset("printk_info.text_len", f.info.bytes, 2);

  f.desc_ring.bytes = reader.Size("prb_desc_ring");
  f.desc_ring.count_bits = reader.Offset("prb_desc_ring.count_bits", f.desc_ring.bytes, kInt);
  f.desc_ring.descs = reader.Offset("prb_desc_ring.descs", f.desc_ring.bytes, kLong);
  f.desc_ring.infos = reader.Offset("prb_desc_ring.infos", f.desc_ring.bytes, kLong);
  f.desc_ring.head_id = reader.Offset("prb_desc_ring.head_id", f.desc_ring.bytes, atomic_bytes);
  f.desc_ring.tail_id = reader.Offset("prb_desc_ring.tail_id", f.desc_ring.bytes, atomic_bytes);

  f.data_ring.bytes = reader.Size("prb_data_ring");
  f.data_ring.size_bits = reader.Offset("prb_data_ring.size_bits", f.data_ring.bytes, kInt);
  f.data_ring.data = reader.Offset("prb_data_ring.data", f.data_ring.bytes, kLong);

  f.ringbuffer.bytes = reader.Size("printk_ringbuffer");
  f.ringbuffer.desc_ring =
      reader.Offset("printk_ringbuffer.desc_ring", f.ringbuffer.bytes, f.desc_ring.bytes);
  f.ringbuffer.text_data_ring =
      reader.Offset("printk_ringbuffer.text_data_ring", f.ringbuffer.bytes, f.data_ring.bytes);
  if (!reader.status().ok()) return reader.status();
  return f;
}

absl::StatusOr<PrintkRing> ParsePrintkRing(const PrintkFormat& format, Bytes header) {
  const Bytes descs = header.subspan(format.ringbuffer.desc_ring, format.desc_ring.bytes);
  const Bytes data = header.subspan(format.ringbuffer.text_data_ring, format.data_ring.bytes);
  PrintkRing ring;
  ring.count_bits = LoadAt<std::uint32_t>(descs, format.desc_ring.count_bits);
  ring.size_bits = LoadAt<std::uint32_t>(data, format.data_ring.size_bits);
  if (ring.count_bits == 0 || ring.count_bits > kMaxCountBits) {
    return DamagedRing("count_bits", ring.count_bits);
  }
  if (ring.size_bits <= 3 || ring.size_bits > kMaxSizeBits) {
    return DamagedRing("size_bits", ring.size_bits);
  }
  ring.descs = Gva{LoadAt<std::uint64_t>(descs, format.desc_ring.descs)};
  ring.infos = Gva{LoadAt<std::uint64_t>(descs, format.desc_ring.infos)};
  ring.data = Gva{LoadAt<std::uint64_t>(data, format.data_ring.data)};

  ring.head_id =
      LoadAt<std::uint64_t>(descs, format.desc_ring.head_id + format.counter) & kDescIdMask;
  const std::uint64_t tail_id =
      LoadAt<std::uint64_t>(descs, format.desc_ring.tail_id + format.counter) & kDescIdMask;
  ring.descriptors = ((ring.head_id - tail_id) & kDescIdMask) + 1;
  if (ring.descriptors > std::uint64_t{1} << ring.count_bits) {
    return DamagedRing("head_id - tail_id", ring.descriptors - 1);
  }
  return ring;
}

std::optional<DataBlock> LocateBlock(std::uint64_t begin, std::uint64_t next,
                                     std::uint32_t size_bits) {
  if (begin == kEmptyLineLpos && next == kEmptyLineLpos) return DataBlock{};
  const std::uint64_t ring_bytes = std::uint64_t{1} << size_bits;
  const std::uint64_t begin_offset = begin & (ring_bytes - 1);
  const std::uint64_t next_offset = next & (ring_bytes - 1);
  const bool failed = begin == kFailedLpos && next == kFailedLpos;
  if (failed || begin % sizeof(std::uint64_t) != 0 || next % sizeof(std::uint64_t) != 0) {
    return std::nullopt;
  }
  DataBlock block{begin_offset, next - begin};
  // A block that does not fit before the end of the ring starts again at offset 0, id and all.
  // Older kernels move one that would fit exactly too, newer ones let it end where the next lap
  // starts.
  const bool next_lap = (next >> size_bits) == ((begin + ring_bytes) >> size_bits);
  if (next_lap && next_offset != 0) block = DataBlock{0, next_offset};
  if (block.bytes < sizeof(std::uint64_t) || block.bytes > ring_bytes - block.offset) {
    return std::nullopt;
  }
  return block;
}

}  // namespace marrow
