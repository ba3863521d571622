// SPDX-License-Identifier: Apache-2.0
#include "server/triage/kernel_log.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/triage/printk_ring.h"

namespace marrow {
namespace {

// Virtual memory of the core through one page of cache: the ring's arrays are walked in order, and
// the bytes may lie behind a decompressor.
class PageCachedMemory {
 public:
  explicit PageCachedMemory(const CoreReader& core) : core_(core) {}

  // All or nothing; false if a byte is not in the core.
  bool Read(Gva gva, MutableBytes out) {
    std::uint64_t address = Raw(gva);
    while (!out.empty()) {
      const std::uint64_t in_page = address - PageDown(address);
      const std::size_t n = std::min<std::size_t>(out.size(), kPageBytes - in_page);
      if (Load(Gva{PageDown(address)})) {
        std::copy_n(page_.begin() + static_cast<std::ptrdiff_t>(in_page), n, out.begin());
      } else if (!core_.ReadVirtual(Gva{address}, out.first(n)).ok()) {
        return false;  // not even the part of the page that is wanted
      }
      out = out.subspan(n);
      address += n;
    }
    return true;
  }

 private:
  bool Load(Gva page) {
    if (cached_ != page) {
      cached_ = page;
      valid_ = core_.ReadVirtual(page, page_).ok();
    }
    return valid_;
  }

  const CoreReader& core_;
  std::optional<Gva> cached_;
  bool valid_ = false;
  std::array<std::byte, kPageBytes> page_{};
};

class RingReader {
 public:
  RingReader(const CoreReader& core, const PrintkFormat& format, const PrintkRing& ring)
      : format_(format), ring_(ring), descs_(core), infos_(core), data_(core) {}

  enum class Outcome { kRecord, kNone, kLost };

  Outcome Read(std::uint64_t id, LogRecord& record) {
    std::array<std::byte, kPageBytes> buffer;
    const MutableBytes desc = MutableBytes(buffer).first(format_.desc.bytes);
    if (!descs_.Read(Element(ring_.descs, ring_.IndexOf(id), desc.size()), desc)) {
      return Outcome::kLost;
    }
    const auto state_var = LoadAt<std::uint64_t>(desc, format_.desc.state_var + format_.counter);
    if ((state_var & kDescIdMask) != id) return Outcome::kLost;
    switch (static_cast<DescState>(state_var >> 62)) {
      case DescState::kReserved:
        return Outcome::kLost;
      case DescState::kReusable:
        return Outcome::kNone;
      case DescState::kCommitted:
      case DescState::kFinalized:
        break;
    }
    const auto lpos = format_.desc.text_blk_lpos;
    const auto block =
        LocateBlock(LoadAt<std::uint64_t>(desc, lpos + format_.lpos.begin),
                    LoadAt<std::uint64_t>(desc, lpos + format_.lpos.next), ring_.size_bits);
    const bool whole = block.has_value() && ReadInfo(id, record) && ReadText(id, *block, record);
    return whole ? Outcome::kRecord : Outcome::kLost;
  }

 private:
  static Gva Element(Gva array, std::uint64_t index, std::uint64_t element_bytes) {
    return Gva{Raw(array) + index * element_bytes};
  }

  bool ReadInfo(std::uint64_t id, LogRecord& record) {
    std::array<std::byte, kPageBytes> buffer;
    const MutableBytes info = MutableBytes(buffer).first(format_.info.bytes);
    if (!infos_.Read(Element(ring_.infos, ring_.IndexOf(id), info.size()), info)) return false;
    record.sequence = LoadAt<std::uint64_t>(info, format_.info.seq);
    record.time_ns = LoadAt<std::uint64_t>(info, format_.info.ts_nsec);
    record.text.resize(LoadAt<std::uint16_t>(info, format_.info.text_len));
    return ring_.Belongs(record.sequence, id);
  }

  bool ReadText(std::uint64_t id, const DataBlock& block, LogRecord& record) {
    if (block.bytes == 0) return record.text.empty();
    std::array<std::byte, sizeof(std::uint64_t)> owner;
    const std::uint64_t start = Raw(ring_.data) + block.offset;
    if (record.text.size() > block.bytes - owner.size()) return false;
    if (!data_.Read(Gva{start}, owner) || LoadAt<std::uint64_t>(owner, 0) != id) return false;
    return data_.Read(Gva{start + owner.size()},
                      std::as_writable_bytes(std::span(record.text.data(), record.text.size())));
  }

  const PrintkFormat& format_;
  const PrintkRing& ring_;
  PageCachedMemory descs_;
  PageCachedMemory infos_;
  PageCachedMemory data_;
};

absl::StatusOr<PrintkRing> ReadRingHeader(const CoreReader& core, const PrintkFormat& format) {
  std::array<std::byte, sizeof(std::uint64_t)> pointer;
  absl::Status read = core.ReadVirtual(format.prb, pointer);
  std::array<std::byte, kPageBytes> buffer;
  const MutableBytes header = MutableBytes(buffer).first(format.ringbuffer.bytes);
  if (read.ok()) read = core.ReadVirtual(Gva{LoadAt<std::uint64_t>(pointer, 0)}, header);
  if (!read.ok()) {
    return absl::Status(read.code(), absl::StrCat("printk ring: ", read.message()));
  }
  return ParsePrintkRing(format, header);
}

}  // namespace

absl::StatusOr<KernelLog> ReadKernelLog(const CoreReader& core, KernelLogLimits limits) {
  if (core.vmcoreinfo().empty()) {
    return absl::NotFoundError(
        "the core has no VMCOREINFO note, so its kernel log cannot be found");
  }
  const auto format = ReadPrintkFormat(core.vmcoreinfo());
  if (!format.ok()) return format.status();
  const auto ring = ReadRingHeader(core, *format);
  if (!ring.ok()) return ring.status();

  // Newest first, so that the limits cost the oldest records.
  RingReader reader(core, *format, *ring);
  KernelLog log;
  std::uint64_t text_bytes = 0;
  for (std::uint64_t age = 0; age < ring->descriptors; ++age) {
    if (age >= limits.records || text_bytes > limits.text_bytes) {
      log.lost_records += ring->descriptors - age;
      break;
    }
    LogRecord record;
    switch (reader.Read((ring->head_id - age) & kDescIdMask, record)) {
      case RingReader::Outcome::kRecord:
        text_bytes += record.text.size();
        log.records.push_back(std::move(record));
        break;
      case RingReader::Outcome::kLost:
        ++log.lost_records;
        break;
      case RingReader::Outcome::kNone:
        break;
    }
  }
  std::reverse(log.records.begin(), log.records.end());
  return log;
}

}  // namespace marrow
