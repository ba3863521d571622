// SPDX-License-Identifier: Apache-2.0
// The shape of the printk ring in memory, without any memory: where its fields are, what its
// header says, where the text of a record lies. Internal to triage.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/elfcore/vmcoreinfo.h"

namespace marrow {

// Sizes and offsets in bytes, from VMCOREINFO. Each field lies within its structure, and each
// structure within a page.
struct PrintkFormat {
  Gva prb{};  // the variable `prb`, a pointer to the ring in use
  struct {
    std::uint64_t bytes, desc_ring, text_data_ring;
  } ringbuffer;
  struct {
    std::uint64_t bytes, count_bits, descs, infos, head_id, tail_id;
  } desc_ring;
  struct {
    std::uint64_t bytes, state_var, text_blk_lpos;
  } desc;
  struct {
    std::uint64_t bytes, begin, next;
  } lpos;
  struct {
    std::uint64_t bytes, seq, ts_nsec, text_len;
  } info;
  struct {
    std::uint64_t bytes, size_bits, data;
  } data_ring;
  std::uint64_t counter = 0;  // of atomic_long_t
};

// NotFound, naming the key, if VMCOREINFO does not describe a ring; InvalidArgument if what it says
// cannot be.
absl::StatusOr<PrintkFormat> ReadPrintkFormat(const Vmcoreinfo& vmcoreinfo);

// Descriptor ids count in 62 bits: the two above them hold the state of the descriptor.
inline constexpr std::uint64_t kDescIdMask = (std::uint64_t{1} << 62) - 1;

enum class DescState { kReserved = 0, kCommitted = 1, kFinalized = 2, kReusable = 3 };

// What `struct printk_ringbuffer` holds.
struct PrintkRing {
  std::uint32_t count_bits = 0;  // log2 of the number of descriptors and of infos
  std::uint32_t size_bits = 0;   // log2 of the bytes of text data
  Gva descs{};
  Gva infos{};
  Gva data{};
  std::uint64_t head_id = 0;      // the newest record
  std::uint64_t descriptors = 0;  // in use, the head and everything before it down to the tail

  std::uint64_t IndexOf(std::uint64_t id) const {
    return id & ((std::uint64_t{1} << count_bits) - 1);
  }
  // Whether the record of that sequence number has the descriptor of that id. The first record,
  // whose number is 0, has an id of minus the ring's length; kernels compute that in 32 bits.
  bool Belongs(std::uint64_t sequence, std::uint64_t id) const {
    return static_cast<std::uint32_t>(sequence) ==
           static_cast<std::uint32_t>(id + (std::uint64_t{1} << count_bits));
  }
};

// `header` is the structure's format.ringbuffer.bytes. InvalidArgument for what no kernel makes.
absl::StatusOr<PrintkRing> ParsePrintkRing(const PrintkFormat& format, Bytes header);

// A block of the data ring: the writer's descriptor id, then the text.
struct DataBlock {
  std::uint64_t offset = 0;  // in the data ring, of the id
  std::uint64_t bytes = 0;   // with the id; 0 for an empty record
};

// From the block's logical positions. Nothing if the kernel had no room for the text, or if the
// positions are none that a kernel writes.
std::optional<DataBlock> LocateBlock(std::uint64_t begin, std::uint64_t next,
                                     std::uint32_t size_bits);

}  // namespace marrow
