// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_address_space.h"

#include <cstdio>
#include <cstdlib>

namespace marrow {
namespace {

constexpr std::uint64_t kPresentAndWritable = 3;
constexpr std::uint64_t kLargePage = 1 << 7;

}  // namespace

FakeAddressSpace::FakeAddressSpace(std::uint64_t ram_bytes, int levels)
    : memory_(ram_bytes, '\0'), levels_(levels) {}

MutableBytes FakeAddressSpace::Physical(std::uint64_t gpa, std::uint64_t bytes) {
  if (gpa > memory_.size() || bytes > memory_.size() - gpa) {
    std::fprintf(stderr, "the fake guest has %zu bytes of RAM\n", memory_.size());
    std::abort();
  }
  return memory().subspan(gpa, bytes);
}

std::uint64_t FakeAddressSpace::NewPage() {
  const std::uint64_t page = next_page_;
  (void)Physical(page, kPageBytes);
  next_page_ += kPageBytes;
  return page;
}

absl::StatusOr<Bytes> FakeAddressSpace::Page(Gpa page) {
  ++reads_;
  if (Raw(page) >= memory_.size()) return absl::OutOfRangeError("not RAM");
  if (broken_.contains(Raw(page))) return absl::InternalError("broken page");
  return Bytes(Physical(Raw(page), kPageBytes));
}

void FakeAddressSpace::Map(std::uint64_t gva, std::uint64_t gpa, std::uint64_t leaf_bytes) {
  std::uint64_t table = Raw(root().table);
  for (int level = levels_;; --level) {
    const int shift = 12 + 9 * (level - 1);
    const std::uint64_t at = table + ((gva >> shift) & 511) * 8;
    if (std::uint64_t{1} << shift == leaf_bytes) {
      const std::uint64_t large = level == 1 ? 0 : kLargePage;
      StoreAt(Physical(at, 8), 0, gpa | large | kPresentAndWritable);
      return;
    }
    auto entry = LoadAt<std::uint64_t>(Physical(at, 8), 0);
    if (entry == 0) {
      entry = NewPage() | kPresentAndWritable;
      StoreAt(Physical(at, 8), 0, entry);
    }
    table = PageDown(entry);
  }
}

void FakeAddressSpace::MapNew(std::uint64_t gva, std::uint64_t bytes) {
  const PageWords words(*this);
  for (std::uint64_t page = PageDown(gva); page - PageDown(gva) < gva % kPageBytes + bytes;
       page += kPageBytes) {
    if (!Translate(words, root(), Gva{page}).ok()) Map(page, NewPage());
  }
}

std::uint64_t FakeAddressSpace::GpaOf(std::uint64_t gva) {
  return Raw(Translate(PageWords(*this), root(), Gva{gva}).value().gpa);
}

void FakeAddressSpace::Write(std::uint64_t gva, absl::string_view bytes) {
  MapNew(gva, bytes.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    memory_[static_cast<std::size_t>(GpaOf(gva + i))] = bytes[i];
  }
}

void FakeAddressSpace::WriteWord(std::uint64_t gva, std::uint64_t word) {
  Write(gva, AsText(std::as_bytes(std::span(&word, 1))));
}

}  // namespace marrow
