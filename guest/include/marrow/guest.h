// SPDX-License-Identifier: Apache-2.0
// Writes a Marrow window (marrow/abi.h) from inside the guest.
//
// Freestanding C++20: no libc, heap, locks, exceptions or RTTI; every call is bounded by the size
// of table and graph, so all of it may run on a panic path. A 64-bit little-endian machine is
// assumed.
//
// One writer: at any time at most one thread of one program calls the non-const members of a
// claimed window. Request, AwaitAck and FillPanicRecord need no claim and touch other cache lines
// than the table, so that a second program may ring the doorbell beside the table's writer.
//
// Window memory is only ever touched by naturally aligned 32- and 64-bit atomic accesses: it may be
// uncached device memory. The host is trusted not more than needed: of the fields it can scribble
// on, none is used as an index or a length without a check against the attached size.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "marrow/abi.h"

namespace marrow::guest {

enum class Error : uint8_t {
  kNone = 0,
  kBadMemory,       // null or not 64-byte aligned
  kNoHost,          // no host magic: not a window, or not formatted yet
  kWrongVersion,    // the host speaks another major version
  kWindowTooSmall,  // the host's window is larger than the memory, or holds no table entry
  kBadHostHeader,   // magic and version are right, the sizes are not
  kNotAttached,     // no successful Attach yet
  kNotClaimed,      // the call writes the table, and Claim was not called
  kChangeOpen,      // a Change on this window is still open
  kTableFull,       // region_count would exceed region_capacity
  kBadId,           // id 0
  kDuplicateId,     // the id is in the table already
  kUnknownId,       // the id is not in the table
  kBadRange,        // size 0, or address + size does not fit in 64 bits
  kBadKind,         // no such address kind or region class
  kGraphInvalid,    // the block breaks the bounds that guest/README.md sets
  kNoRoom,          // the graph and the regions that are there do not fit the window together
  kTimedOut,        // no answer from a host that says it listens
  kHostAbsent,      // no answer, and the host does not say that it listens
  kHostFailed,      // the host tried to capture and failed
  kHostRefused,     // the host's policy or rate limit; see Ack::retry_after_ms
};

// A static, lower-case English phrase.
const char* Describe(Error error);

// What to capture. The name is cut at MARROW_NAME_BYTES, never inside a UTF-8 character.
struct Region {
  uint64_t id;  // unique in the table, never 0
  uint64_t address;
  uint64_t size;  // bytes
  marrow_address_kind kind;
  marrow_region_class region_class;
  const char* name;  // zero-terminated, not null
};

// Who writes. `boot_id` differs between boots and is the same for all writers of one boot.
struct Identity {
  uint8_t boot_id[16];
  marrow_writer writer;
};

struct PanicRecord {
  uint32_t cpu;
  uint64_t ip;
  uint64_t sp;
  marrow_panic_reason reason;
  const char* text;  // zero-terminated UTF-8, not null; cut at MARROW_PANIC_TEXT_BYTES
};

struct Ack {
  Error error;              // kNone: the memory is captured
  uint32_t retry_after_ms;  // with kHostRefused: when to ask again; else 0
};

class Change;

// Default-constructed: attached to nothing, every call fails with kNotAttached. Copyable; copies
// write the same memory, so at most one of them may be used as the writer.
class Window {
 public:
  constexpr Window() = default;

  // Checks the host's part of [base, base + bytes) and remembers the window; writes nothing. On
  // failure the window is not attached. The memory must stay mapped while this object is used.
  [[nodiscard]] Error Attach(void* base, size_t bytes);

  // Becomes the table's writer. A sound table that a writer of the same boot left is kept, its
  // graph too; any other content becomes an empty table. In both cases the sequence is even and the
  // generation has grown when this returns, whatever state a former writer died in. The state is
  // BOOTING.
  [[nodiscard]] Error Claim(const Identity& identity);

  // Each is one Change of its own: a checksum over the whole table. Use Change for several.
  [[nodiscard]] Error Register(const Region& region);
  [[nodiscard]] Error Update(uint64_t id, uint64_t address, uint64_t size);
  [[nodiscard]] Error Unregister(uint64_t id);
  [[nodiscard]] Error SetFacts(const marrow_facts& facts);
  [[nodiscard]] Error SetGraph(const void* block, size_t bytes);

  [[nodiscard]] Error SetState(marrow_guest_state state);
  // Announces the interval of Beat. 0: this guest does not beat.
  [[nodiscard]] Error SetPeriod(uint32_t period_ms);
  [[nodiscard]] Error Beat(uint64_t uptime_ms);

  // Stores the record and sets the state to PANICKING.
  [[nodiscard]] Error FillPanicRecord(const PanicRecord& record);

  // Rings the doorbell; `text` as PanicRecord::text, cut at MARROW_REQUEST_TEXT_BYTES. On success
  // `*sequence` is what AwaitAck takes.
  [[nodiscard]] Error Request(marrow_request_kind kind, const char* text, uint64_t* sequence);

  // Polls for the host's answer to request `sequence` or a later one. Calls `keep_waiting()`
  // between polls, and gives up when that returns false.
  template <typename KeepWaiting>
  Ack AwaitAck(uint64_t sequence, KeepWaiting&& keep_waiting) const {
    for (;;) {
      Ack ack{Error::kTimedOut, 0};
      if (PollAck(sequence, &ack)) return ack;
      if (!keep_waiting()) return ack;
    }
  }
  // As above with at most `polls` polls, a pause instruction between them.
  Ack AwaitAckPolls(uint64_t sequence, uint64_t polls) const;

  // True while a host is at the other end, as far as the window says.
  bool HostListening() const;
  // True when the host formatted the window anew since Attach: attach, claim and register again.
  bool HostReformatted() const;

  bool attached() const { return base_ != nullptr; }
  bool claimed() const { return claimed_; }
  uint32_t region_count() const { return region_count_; }
  // Entries that fit before the graph.
  uint32_t region_capacity() const;
  uint32_t graph_bytes() const { return graph_bytes_; }  // 0: no graph
  // The largest graph that fits beside `region_count` regions.
  uint32_t graph_capacity(uint32_t region_count) const;
  // Of the last completed change.
  uint64_t generation() const;

 private:
  friend class Change;

  uint32_t Load32(size_t offset) const;
  uint64_t Load64(size_t offset) const;
  void Store32(size_t offset, uint32_t value);
  void Store64(size_t offset, uint64_t value);
  // Zero-fills what the text leaves of the field. Returns the bytes of text stored.
  size_t StoreText(size_t offset, const char* text, size_t field_bytes);

  // True, with the outcome in *ack, when waiting longer is of no use. Else *ack says what a caller
  // that gives up now should report.
  bool PollAck(uint64_t sequence, Ack* ack) const;
  bool LeftByThisBoot(const Identity& identity, uint32_t region_count, uint32_t graph_bytes) const;
  void ResetGuestPart();
  uint32_t Checksum(uint32_t region_count, uint32_t graph_bytes) const;
  uint32_t CapacityBeside(uint32_t graph_bytes) const;
  size_t EntryOffset(uint32_t index) const;
  // The entry's index, or region_count_.
  uint32_t FindId(uint64_t id) const;
  void OpenSequence();
  void CloseSequence();

  unsigned char* base_ = nullptr;
  uint64_t nonce_[2] = {};
  uint32_t table_offset_ = 0;
  uint32_t window_bytes_ = 0;
  uint32_t region_count_ = 0;
  uint32_t graph_bytes_ = 0;  // a multiple of 64; the graph is the end of the window
  bool claimed_ = false;
  bool change_open_ = false;
};

// Several changes that the host sees as one. From the first successful call until the end of its
// life the window's sequence is odd: keep it short. At most one at a time per window.
class Change {
 public:
  explicit Change(Window& window);
  ~Change();
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;

  // A call that fails changes nothing.
  [[nodiscard]] Error Register(const Region& region);
  [[nodiscard]] Error Update(uint64_t id, uint64_t address, uint64_t size);
  // The order of the remaining entries is unspecified.
  [[nodiscard]] Error Unregister(uint64_t id);
  // Removes all entries. The graph stays.
  [[nodiscard]] Error Clear();
  [[nodiscard]] Error SetFacts(const marrow_facts& facts);
  // Replaces the graph by a copy of a graph block (marrow/abi.h), at any alignment; 0 bytes: by
  // none. It takes its room from the end of the table.
  [[nodiscard]] Error SetGraph(const void* block, size_t bytes);

 private:
  Error Ready() const;
  void Touch();

  Window& window_;
  bool mine_;             // this object holds window_.change_open_
  bool touched_ = false;  // the sequence is odd
};

}  // namespace marrow::guest
