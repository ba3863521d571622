// SPDX-License-Identifier: Apache-2.0
#include "guest/lib/crc32c.h"
#include "guest/lib/graph_check.h"
#include "guest/lib/offsets.h"
#include "marrow/guest.h"

namespace marrow::guest {
namespace {

constexpr uint64_t kVersionWord = MARROW_VERSION_MAJOR |
                                  static_cast<uint64_t>(MARROW_VERSION_MINOR) << 16 |
                                  static_cast<uint64_t>(MARROW_HEADER_BYTES) << 32;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Bytes of the longest prefix of `text` that fits `limit` and ends with a whole UTF-8 character.
size_t CutText(const char* text, size_t limit) {
  size_t length = 0;
  while (length < limit && text[length] != '\0') ++length;
  const size_t whole = length;
  while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  return length > 0 ? length : whole;
}

uint64_t BootIdWord(const Identity& identity, int index) {
  uint64_t word = 0;
  for (int byte = 7; byte >= 0; --byte) word = word << 8 | identity.boot_id[8 * index + byte];
  return word;
}

}  // namespace

// SAFETY: every offset passed to these lies below the window size that Attach checked, and is a
// multiple of the access size; base_ is 64-byte aligned. Stores are releases and loads acquires, so
// that data stored after an odd sequence cannot be seen without it.
uint32_t Window::Load32(size_t offset) const {
  return __atomic_load_n(reinterpret_cast<const uint32_t*>(base_ + offset), __ATOMIC_ACQUIRE);
}

uint64_t Window::Load64(size_t offset) const {
  return __atomic_load_n(reinterpret_cast<const uint64_t*>(base_ + offset), __ATOMIC_ACQUIRE);
}

void Window::Store32(size_t offset, uint32_t value) {
  __atomic_store_n(reinterpret_cast<uint32_t*>(base_ + offset), value, __ATOMIC_RELEASE);
}

void Window::Store64(size_t offset, uint64_t value) {
  __atomic_store_n(reinterpret_cast<uint64_t*>(base_ + offset), value, __ATOMIC_RELEASE);
}

size_t Window::StoreText(size_t offset, const char* text, size_t field_bytes) {
  const size_t length = CutText(text, field_bytes);
  for (size_t start = 0; start < field_bytes; start += 8) {
    uint64_t word = 0;
    for (size_t i = 0; i < 8 && start + i < length; ++i) {
      word |= static_cast<uint64_t>(static_cast<unsigned char>(text[start + i])) << (8 * i);
    }
    Store64(offset + start, word);
  }
  return length;
}

Error Window::Attach(void* base, size_t bytes) {
  *this = Window();
  if (base == nullptr || reinterpret_cast<uintptr_t>(base) % 64 != 0) return Error::kBadMemory;
  if (bytes < MARROW_WINDOW_MIN_BYTES) return Error::kWindowTooSmall;
  Window window;
  window.base_ = static_cast<unsigned char*>(base);
  if (window.Load64(kHostMagic) != MARROW_HOST_MAGIC) return Error::kNoHost;
  const uint64_t version = window.Load64(kHostVersion);
  if ((version & 0xffff) != MARROW_VERSION_MAJOR) return Error::kWrongVersion;
  const uint64_t header_bytes = version >> 32;
  const uint64_t window_bytes = window.Load64(kHostWindowBytes);
  if (window_bytes < MARROW_WINDOW_MIN_BYTES || window_bytes > MARROW_WINDOW_MAX_BYTES ||
      (window_bytes & (window_bytes - 1)) != 0 || header_bytes < MARROW_HEADER_BYTES ||
      header_bytes % 64 != 0) {
    return Error::kBadHostHeader;
  }
  if (window_bytes > bytes || header_bytes + sizeof(marrow_region) > window_bytes) {
    return Error::kWindowTooSmall;
  }
  window.table_offset_ = static_cast<uint32_t>(header_bytes);
  window.window_bytes_ = static_cast<uint32_t>(window_bytes);
  window.nonce_[0] = window.Load64(kHostNonce);
  window.nonce_[1] = window.Load64(kHostNonce + 8);
  *this = window;
  return Error::kNone;
}

Error Window::Claim(const Identity& identity) {
  if (!attached()) return Error::kNotAttached;
  if (change_open_) return Error::kChangeOpen;
  const uint32_t left_count = Load32(kRegionCount);
  const uint32_t left_graph = Load32(kGraphBytes);
  const bool keep = LeftByThisBoot(identity, left_count, left_graph);
  if (!keep) Store64(kGuestMagic, 0);
  OpenSequence();
  region_count_ = keep ? left_count : 0;
  graph_bytes_ = keep ? left_graph : 0;
  if (!keep) ResetGuestPart();
  CloseSequence();
  Store64(kGuestVersion, kVersionWord);
  Store64(kGuestFeatures, 0);
  Store64(kGuestBootId, BootIdWord(identity, 0));
  Store64(kGuestBootId + 8, BootIdWord(identity, 1));
  Store32(kGuestState, MARROW_STATE_BOOTING);
  Store32(kGuestWriter, identity.writer);
  Store64(kGuestMagic, MARROW_GUEST_MAGIC);
  claimed_ = true;
  return Error::kNone;
}

bool Window::LeftByThisBoot(const Identity& identity, uint32_t region_count,
                            uint32_t graph_bytes) const {
  return Load64(kGuestMagic) == MARROW_GUEST_MAGIC &&
         (Load64(kGuestVersion) & 0xffff) == MARROW_VERSION_MAJOR &&
         Load64(kGuestBootId) == BootIdWord(identity, 0) &&
         Load64(kGuestBootId + 8) == BootIdWord(identity, 1) && Load32(kSequence) % 2 == 0 &&
         Load32(kTableOffset) == table_offset_ && graph_bytes % kGraphEntryBytes == 0 &&
         region_count <= CapacityBeside(0) && graph_bytes <= graph_capacity(region_count) &&
         Load32(kRegionCapacity) == CapacityBeside(graph_bytes) &&
         Load32(kGraphOffset) == (graph_bytes == 0 ? 0 : window_bytes_ - graph_bytes) &&
         Load32(kTableCrc) == Checksum(region_count, graph_bytes);
}

void Window::ResetGuestPart() {
  Store32(kTableOffset, table_offset_);
  for (size_t offset = 0; offset < sizeof(marrow_facts); offset += 8) Store64(kFacts + offset, 0);
  Store32(kPeriodMs, 0);
  Store64(kUptimeMs, 0);
  Store32(kPanicValid, 0);
}

uint32_t Window::Checksum(uint32_t region_count, uint32_t graph_bytes) const {
  uint32_t crc = 0;
  for (size_t offset = 0; offset < sizeof(marrow_facts); offset += 8) {
    crc = Crc32cWord(crc, Load64(kFacts + offset));
  }
  const size_t end = EntryOffset(region_count);
  for (size_t offset = table_offset_; offset < end; offset += 8) {
    crc = Crc32cWord(crc, Load64(offset));
  }
  for (size_t offset = window_bytes_ - graph_bytes; offset < window_bytes_; offset += 8) {
    crc = Crc32cWord(crc, Load64(offset));
  }
  return crc;
}

uint32_t Window::CapacityBeside(uint32_t graph_bytes) const {
  return (window_bytes_ - table_offset_ - graph_bytes) /
         static_cast<uint32_t>(sizeof(marrow_region));
}

uint32_t Window::region_capacity() const { return CapacityBeside(graph_bytes_); }

uint32_t Window::graph_capacity(uint32_t region_count) const {
  const uint32_t capacity = CapacityBeside(0);
  if (region_count > capacity) return 0;
  return (capacity - region_count) * static_cast<uint32_t>(sizeof(marrow_region));
}

size_t Window::EntryOffset(uint32_t index) const {
  return table_offset_ + static_cast<size_t>(index) * sizeof(marrow_region);
}

// A sequence that a dead writer left odd stays odd.
void Window::OpenSequence() { Store32(kSequence, Load32(kSequence) | 1); }

void Window::CloseSequence() {
  Store32(kRegionCount, region_count_);
  Store32(kRegionCapacity, region_capacity());
  Store32(kGraphOffset, graph_bytes_ == 0 ? 0 : window_bytes_ - graph_bytes_);
  Store32(kGraphBytes, graph_bytes_);
  Store32(kTableCrc, Checksum(region_count_, graph_bytes_));
  Store64(kGeneration, Load64(kGeneration) + 1);
  Store32(kSequence, Load32(kSequence) + 1);
}

Error Window::SetState(marrow_guest_state state) {
  if (!claimed_) return attached() ? Error::kNotClaimed : Error::kNotAttached;
  Store32(kGuestState, state);
  return Error::kNone;
}

Error Window::SetPeriod(uint32_t period_ms) {
  if (!claimed_) return attached() ? Error::kNotClaimed : Error::kNotAttached;
  Store32(kPeriodMs, period_ms);
  return Error::kNone;
}

Error Window::Beat(uint64_t uptime_ms) {
  if (!claimed_) return attached() ? Error::kNotClaimed : Error::kNotAttached;
  Store64(kUptimeMs, uptime_ms);
  Store64(kBeat, Load64(kBeat) + 1);
  return Error::kNone;
}

Error Window::FillPanicRecord(const PanicRecord& record) {
  if (!attached()) return Error::kNotAttached;
  Store32(kPanicValid, 0);
  Store32(kGuestState, MARROW_STATE_PANICKING);
  Store32(kPanicCpu, record.cpu);
  Store64(kPanicIp, record.ip);
  Store64(kPanicSp, record.sp);
  Store32(kPanicReason, record.reason);
  const size_t length = StoreText(kPanicText, record.text, MARROW_PANIC_TEXT_BYTES);
  Store32(kPanicTextBytes, static_cast<uint32_t>(length));
  Store32(kPanicValid, 1);
  return Error::kNone;
}

Error Window::Request(marrow_request_kind kind, const char* text, uint64_t* sequence) {
  if (!attached()) return Error::kNotAttached;
  Store32(kRequestKind, kind);
  StoreText(kRequestText, text, MARROW_REQUEST_TEXT_BYTES);
  *sequence = Load64(kRequestSequence) + 1;
  Store64(kRequestSequence, *sequence);
  return Error::kNone;
}

bool Window::PollAck(uint64_t sequence, Ack* ack) const {
  if (!attached()) {
    *ack = {Error::kNotAttached, 0};
    return true;
  }
  *ack = {HostListening() ? Error::kTimedOut : Error::kHostAbsent, 0};
  if (Load64(kAckSequence) < sequence) return false;
  switch (Load32(kAckState)) {
    case MARROW_ACK_CAPTURED:
      *ack = {Error::kNone, 0};
      return true;
    case MARROW_ACK_FAILED:
      *ack = {Error::kHostFailed, 0};
      return true;
    case MARROW_ACK_REFUSED:
      *ack = {Error::kHostRefused, Load32(kAckDetail)};
      return true;
    default:
      return false;
  }
}

Ack Window::AwaitAckPolls(uint64_t sequence, uint64_t polls) const {
  return AwaitAck(sequence, [&polls] {
    if (polls <= 1) return false;
    --polls;
    Pause();
    return true;
  });
}

bool Window::HostListening() const {
  return attached() && Load32(kAckPresence) == MARROW_HOST_LISTENING;
}

bool Window::HostReformatted() const {
  return attached() && (Load64(kHostMagic) != MARROW_HOST_MAGIC ||
                        Load64(kHostNonce) != nonce_[0] || Load64(kHostNonce + 8) != nonce_[1]);
}

uint64_t Window::generation() const { return attached() ? Load64(kGeneration) : 0; }

}  // namespace marrow::guest
