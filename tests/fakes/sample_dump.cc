// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/sample_dump.h"

#include <array>
#include <cstdlib>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "vmm_backend/base/ulid.h"
#include "vmm_backend/elfcore/core_writer.h"

namespace marrow {
namespace {

constexpr std::int64_t kEpochSeconds = 1'767'225'600;  // 2026-01-01

std::array<std::byte, kPageBytes> SamplePage(std::mt19937_64& random, bool noise) {
  std::array<std::byte, kPageBytes> page;
  for (std::size_t at = 0; at < page.size(); at += sizeof(std::uint64_t)) {
    StoreAt(page, at, noise ? random() : std::uint64_t{0x6d6172726f770a20});
  }
  return page;
}

}  // namespace

std::string SampleId(int number) {
  std::array<std::byte, 10> random{};
  StoreAt(random, 0, number);
  return MakeUlid(absl::FromUnixSeconds(kEpochSeconds) + absl::Milliseconds(number), random);
}

v1::Manifest SampleManifest(int number) {
  v1::Manifest manifest;
  manifest.set_dump_id(SampleId(number));
  manifest.mutable_capture_time()->set_seconds(kEpochSeconds + number);
  manifest.mutable_vm()->set_name(absl::StrCat("vm-", number % 5));
  manifest.mutable_host()->set_name(absl::StrCat("host-", number % 3));
  manifest.set_trigger(number % 2 == 0 ? v1::TRIGGER_PANIC : v1::TRIGGER_WATCHDOG);
  manifest.mutable_kernel()->set_release(absl::StrCat("6.1.0-", number % 7, "-amd64"));
  manifest.mutable_kernel()->set_build_id("00c0ffee");
  auto& labels = *manifest.mutable_vm()->mutable_labels();
  labels["team"] = number % 2 == 0 ? "storage" : "network";
  if (number % 4 == 0) labels["canary"] = "yes";
  return manifest;
}

std::string SampleCore(std::uint64_t seed, std::size_t pages) {
  CoreContent content;
  for (std::size_t i = 0; i < pages; ++i) content.pages.push_back(Gpa{2 * i * kPageBytes});
  const absl::StatusOr<CoreLayout> layout = LayOutCore(std::move(content));
  if (!layout.ok()) std::abort();
  std::mt19937_64 random(seed);
  std::array<std::byte, kPageBytes> page;
  StringSink sink;
  const absl::Status written = WriteCore(
      *layout,
      [&](std::size_t i) {
        page = SamplePage(random, i % 2 == 0);
        return Bytes(page);
      },
      sink);
  if (!written.ok()) std::abort();
  return std::move(sink.text);
}

v1::Dump SampleDump(int number) {
  v1::Dump dump;
  *dump.mutable_manifest() = SampleManifest(number);
  dump.set_name("dumps/" + dump.manifest().dump_id());
  dump.set_state(number % 3 == 0 ? v1::DUMP_STATE_PARTIAL : v1::DUMP_STATE_COMPLETE);
  dump.mutable_receive_time()->set_seconds(kEpochSeconds + 1000 - number);
  dump.mutable_receive_time()->set_nanos(number);
  dump.set_core_bytes(static_cast<std::uint64_t>(1000 + number % 6));
  dump.set_stored_bytes(100);
  dump.set_core_sha256(DigestText(Sha256Of(AsBytes(dump.name()))));
  dump.set_title(absl::StrCat("Kernel panic - not syncing: number ", number));
  return dump;
}

std::string DigestText(const Sha256Digest& digest) { return std::string(AsText(digest)); }

}  // namespace marrow
