// SPDX-License-Identifier: Apache-2.0
#include "guest/lib/graph_check.h"
#include "guest/lib/offsets.h"
#include "marrow/guest.h"

namespace marrow::guest {
namespace {

constexpr size_t kAddress = offsetof(marrow_region, address);
constexpr size_t kSize = offsetof(marrow_region, size);
constexpr size_t kKinds = offsetof(marrow_region, address_kind);
constexpr size_t kName = offsetof(marrow_region, name);

// address + size fits in 64 bits, so that readers need no special case for the very last byte.
bool ValidRange(uint64_t address, uint64_t size) { return size != 0 && size <= ~address; }

bool ValidKind(const Region& region) {
  return (region.kind == MARROW_ADDRESS_GPA || region.kind == MARROW_ADDRESS_GVA) &&
         region.region_class >= MARROW_CLASS_KERNEL_DATA &&
         region.region_class <= MARROW_CLASS_SECRET;
}

}  // namespace

Change::Change(Window& window) : window_(window), mine_(!window.change_open_) {
  if (mine_) window_.change_open_ = true;
}

Change::~Change() {
  if (!mine_) return;
  if (touched_) window_.CloseSequence();
  window_.change_open_ = false;
}

Error Change::Ready() const {
  if (!window_.attached()) return Error::kNotAttached;
  if (!window_.claimed_) return Error::kNotClaimed;
  return mine_ ? Error::kNone : Error::kChangeOpen;
}

void Change::Touch() {
  if (!touched_) window_.OpenSequence();
  touched_ = true;
}

Error Change::Register(const Region& region) {
  if (const Error error = Ready(); error != Error::kNone) return error;
  if (region.id == 0) return Error::kBadId;
  if (!ValidRange(region.address, region.size)) return Error::kBadRange;
  if (!ValidKind(region)) return Error::kBadKind;
  if (window_.FindId(region.id) != window_.region_count_) return Error::kDuplicateId;
  if (window_.region_count_ == window_.region_capacity()) return Error::kTableFull;
  Touch();
  const size_t entry = window_.EntryOffset(window_.region_count_++);
  window_.Store64(entry, region.id);
  window_.Store64(entry + kAddress, region.address);
  window_.Store64(entry + kSize, region.size);
  window_.Store64(entry + kKinds, static_cast<uint64_t>(region.kind) |
                                      static_cast<uint64_t>(region.region_class) << 16);
  window_.StoreText(entry + kName, region.name, MARROW_NAME_BYTES);
  return Error::kNone;
}

Error Change::Update(uint64_t id, uint64_t address, uint64_t size) {
  if (const Error error = Ready(); error != Error::kNone) return error;
  if (!ValidRange(address, size)) return Error::kBadRange;
  const uint32_t index = window_.FindId(id);
  if (index == window_.region_count_) return Error::kUnknownId;
  Touch();
  window_.Store64(window_.EntryOffset(index) + kAddress, address);
  window_.Store64(window_.EntryOffset(index) + kSize, size);
  return Error::kNone;
}

Error Change::Unregister(uint64_t id) {
  if (const Error error = Ready(); error != Error::kNone) return error;
  const uint32_t index = window_.FindId(id);
  if (index == window_.region_count_) return Error::kUnknownId;
  Touch();
  const size_t hole = window_.EntryOffset(index);
  const size_t last = window_.EntryOffset(--window_.region_count_);
  for (size_t offset = 0; offset < sizeof(marrow_region); offset += 8) {
    window_.Store64(hole + offset, window_.Load64(last + offset));
  }
  return Error::kNone;
}

Error Change::Clear() {
  if (const Error error = Ready(); error != Error::kNone) return error;
  Touch();
  window_.region_count_ = 0;
  return Error::kNone;
}

Error Change::SetFacts(const marrow_facts& facts) {
  if (const Error error = Ready(); error != Error::kNone) return error;
  Touch();
  uint64_t words[sizeof(facts) / 8];
  __builtin_memcpy(words, &facts, sizeof(facts));
  for (size_t i = 0; i < sizeof(facts) / 8; ++i) window_.Store64(kFacts + 8 * i, words[i]);
  return Error::kNone;
}

Error Change::SetGraph(const void* block, size_t bytes) {
  if (const Error error = Ready(); error != Error::kNone) return error;
  if (bytes != 0 && !CheckGraph(block, bytes).ok()) return Error::kGraphInvalid;
  if (bytes > window_.graph_capacity(window_.region_count_)) return Error::kNoRoom;
  Touch();
  window_.graph_bytes_ = static_cast<uint32_t>(bytes);
  const size_t offset = window_.window_bytes_ - bytes;
  const auto* source = static_cast<const unsigned char*>(block);
  for (size_t done = 0; done < bytes; done += 8) {
    uint64_t word;
    __builtin_memcpy(&word, source + done, sizeof(word));
    window_.Store64(offset + done, word);
  }
  return Error::kNone;
}

uint32_t Window::FindId(uint64_t id) const {
  uint32_t index = 0;
  while (index < region_count_ && Load64(EntryOffset(index)) != id) ++index;
  return index;
}

Error Window::Register(const Region& region) { return Change(*this).Register(region); }

Error Window::Update(uint64_t id, uint64_t address, uint64_t size) {
  return Change(*this).Update(id, address, size);
}

Error Window::Unregister(uint64_t id) { return Change(*this).Unregister(id); }

Error Window::SetFacts(const marrow_facts& facts) { return Change(*this).SetFacts(facts); }

Error Window::SetGraph(const void* block, size_t bytes) {
  return Change(*this).SetGraph(block, bytes);
}

}  // namespace marrow::guest
