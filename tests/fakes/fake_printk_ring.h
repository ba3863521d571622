// SPDX-License-Identifier: Apache-2.0
// A printk ring as Linux 6.1 lays it out in memory, written record by record like the kernel does,
// and a core that holds it. Everything can be damaged between writing and taking the core.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {

class FakePrintkRing {
 public:
  enum class State : std::uint64_t { kReserved = 0, kCommitted = 1, kFinalized = 2, kReusable = 3 };
  // What happens to a block that ends exactly at the end of the data ring.
  enum class ExactFit { kMoves, kStays };

  static constexpr Gva kBase{0xffff'ffff'8100'0000};
  static constexpr Gpa kPhysicalBase{0x100'0000};

  // 1 << count_bits records, 1 << size_bits bytes of data. Empty, as at boot.
  FakePrintkRing(std::uint32_t count_bits, std::uint32_t size_bits,
                 ExactFit exact_fit = ExactFit::kMoves);

  // Pushes out old records as needed. A text that does not fit into the ring is lost, its record is
  // not. Returns the id of the record's descriptor.
  std::uint64_t Append(std::uint64_t time_ns, absl::string_view text,
                       State state = State::kFinalized);

  // Where things are, for tests that damage them.
  Gva Header() const { return header_; }
  Gva Descriptor(std::uint64_t id) const;
  Gva Info(std::uint64_t id) const;
  Gva Data() const { return data_; }

  void Store64(Gva gva, std::uint64_t value);
  void Store32(Gva gva, std::uint32_t value);
  std::uint64_t Load64(Gva gva) const;
  void SetState(std::uint64_t id, State state);
  // The core will not have the page that holds the address.
  void DropPage(Gva gva) { dropped_.insert(Raw(PageOf(gva))); }

  // The text of the VMCOREINFO note; edit it to lie.
  std::string vmcoreinfo;

  // An ELF core with the ring's pages at their kernel-image addresses.
  std::string Core() const;

  // Offsets within `struct printk_ringbuffer`, `struct prb_desc` and `struct printk_info`.
  static constexpr std::uint64_t kCountBits = 0, kDescs = 8, kInfos = 16, kHeadId = 24,
                                 kTailId = 32;
  static constexpr std::uint64_t kSizeBits = 40, kDataPointer = 48, kHeaderBytes = 80;
  static constexpr std::uint64_t kStateVar = 0, kBegin = 8, kNext = 16, kDescBytes = 24;
  static constexpr std::uint64_t kSeq = 0, kTsNsec = 8, kTextLen = 16, kInfoBytes = 88;

 private:
  std::size_t OffsetOf(Gva gva) const { return Raw(gva) - Raw(kBase); }
  std::uint64_t count() const { return std::uint64_t{1} << count_bits_; }
  std::uint64_t ring_bytes() const { return std::uint64_t{1} << size_bits_; }
  std::uint64_t NextLpos(std::uint64_t begin, std::uint64_t bytes) const;
  void PushOut(std::uint64_t next_lpos);

  std::uint32_t count_bits_;
  std::uint32_t size_bits_;
  ExactFit exact_fit_;
  Gva header_{}, descs_{}, infos_{}, data_{};
  std::uint64_t head_lpos_;
  std::uint64_t tail_lpos_;
  std::uint64_t sequence_ = 0;
  std::vector<std::byte> memory_;
  std::set<std::uint64_t> dropped_;
};

}  // namespace marrow
