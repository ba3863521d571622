// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_vm.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_format.h"
#include "vmm_backend/core/window.h"

namespace marrow {

FakeGuestMemory::FakeGuestMemory(std::vector<GpaRange> ranges)
    : ram_(RamMap::Make(std::move(ranges)).value()) {}

absl::Status FakeGuestMemory::Read(Gpa gpa, MutableBytes out) const {
  ++reads_;
  if (!ram_.Contains(gpa, out.size())) {
    return absl::OutOfRangeError(absl::StrFormat("gpa %#x is not RAM", Raw(gpa)));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint64_t address = Raw(gpa) + i;
    if (broken_.contains(PageDown(address))) return absl::InternalError("broken page");
    const auto page = pages_.find(PageDown(address));
    out[i] = page == pages_.end() ? std::byte{0}
                                  : static_cast<std::byte>(page->second[address % kPageBytes]);
  }
  return absl::OkStatus();
}

void FakeGuestMemory::Write(std::uint64_t gpa, absl::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string& page = pages_.try_emplace(PageDown(gpa + i), kPageBytes, '\0').first->second;
    page[(gpa + i) % kPageBytes] = bytes[i];
  }
}

void FakeGuestMemory::WriteWord(std::uint64_t gpa, std::uint64_t word) {
  Write(gpa, AsText(std::as_bytes(std::span(&word, 1))));
}

absl::Status FakeVmControl::Record(const char* call) {
  calls.emplace_back(call);
  return next_error;
}

absl::StatusOr<bool> FakeVmControl::Pause() {
  const absl::Status status = Record("pause");
  if (!status.ok()) return status;
  return std::exchange(running, false);
}

absl::Status FakeVmControl::Resume() {
  const absl::Status status = Record("resume");
  if (status.ok()) running = true;
  return status;
}

absl::Status FakeVmControl::Reset() {
  const absl::Status status = Record("reset");
  if (status.ok()) running = true;
  return status;
}

absl::Status FakeVmControl::Destroy() { return Record("destroy"); }

absl::StatusOr<StoppedVm> FakeVmControl::ReadStopped() {
  const absl::Status status = Record("read vcpus");
  if (!status.ok()) return status;
  return StoppedVm{.vcpus = vcpus, .vmcoreinfo = vmcoreinfo};
}

absl::StatusOr<std::vector<VcpuState>> FakeVmControl::ReadRunningVcpus() {
  const absl::Status status = Record("read running vcpus");
  if (!status.ok()) return status;
  return vcpus;
}

FakeWindow::FakeWindow(std::size_t bytes) : bytes_(bytes), words_(bytes / sizeof(Line)) {
  const marrow_host_identity identity = MakeHostIdentity(bytes, {});
  StoreAt(std::as_writable_bytes(std::span(words_)), 0, identity);
}

// Word by word with acquire, as the ABI's reading protocol asks of a host that maps the window.
absl::Status FakeWindow::ReadAt(std::uint64_t offset, MutableBytes out) const {
  if (offset > bytes_ || out.size() > bytes_ - offset) return absl::OutOfRangeError("window ends");
  for (std::size_t i = 0; i < out.size();) {
    const std::uint64_t at = offset + i;
    const std::uint64_t word = __atomic_load_n(Word(at / 8), __ATOMIC_ACQUIRE);
    const std::size_t count = std::min<std::size_t>(8 - at % 8, out.size() - i);
    std::memcpy(out.data() + i, reinterpret_cast<const char*>(&word) + at % 8, count);
    i += count;
  }
  return absl::OkStatus();
}

absl::Status FakeWindow::WriteAck(const marrow_host_ack& ack) {
  constexpr std::size_t kFirst = offsetof(marrow_window_header, ack) / 8;
  for (std::size_t i = sizeof(ack) / 8; i-- > 0;) {  // the sequence, word 0, last
    __atomic_store_n(Word(kFirst + i),
                     LoadAt<std::uint64_t>(std::as_bytes(std::span(&ack, 1)), i * 8),
                     __ATOMIC_RELEASE);
  }
  return absl::OkStatus();
}

absl::Status FakeWindow::ClearGuest() {
  constexpr std::size_t kNonce = offsetof(marrow_host_identity, nonce) / 8;
  constexpr std::size_t kRequest = offsetof(marrow_window_header, request) / 8;
  for (std::size_t i = offsetof(marrow_window_header, ack) / 8; i < MARROW_HEADER_BYTES / 8; ++i) {
    if (i != kRequest) __atomic_store_n(Word(i), 0, __ATOMIC_RELEASE);
  }
  __atomic_fetch_add(Word(kNonce), 1, __ATOMIC_RELEASE);
  return absl::OkStatus();
}

marrow_host_ack FakeWindow::ack() const {
  marrow_host_ack ack{};
  (void)ReadAt(offsetof(marrow_window_header, ack), std::as_writable_bytes(std::span(&ack, 1)));
  return ack;
}

void FakeWindow::Corrupt(std::size_t offset) {
  __atomic_fetch_xor(Word(offset / 8), 0xffull << (offset % 8 * 8), __ATOMIC_RELAXED);
}

}  // namespace marrow
