// SPDX-License-Identifier: Apache-2.0
// Any bytes as a manifest from a host, and as an entry file of the spool.
#include <google/protobuf/stubs/logging.h>

#include <cstddef>
#include <cstdint>

#include "server/ingest/manifest_check.h"
#include "tests/fuzz/check.h"
#include "vmm_backend/base/ulid.h"
#include "vmm_backend/daemon/spool_entry.h"

namespace marrow {
namespace {

constexpr absl::string_view kId = "01aryz6s410000000000000000";

void ReadManifest(absl::string_view bytes) {
  v1::Manifest manifest;
  if (!manifest.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  if (!CheckManifest(manifest).ok()) return;
  MARROW_FUZZ_CHECK(IsUlid(manifest.dump_id()));
  v1::Manifest again;
  MARROW_FUZZ_CHECK(again.ParseFromString(manifest.SerializeAsString()));
}

void ReadEntry(Bytes bytes) {
  const auto entry = DecodeSpoolEntry(kId, bytes);
  if (!entry.ok()) return;
  MARROW_FUZZ_CHECK(entry->begin.manifest().dump_id() == kId);
  const auto encoded = EncodeSpoolEntry(*entry);
  MARROW_FUZZ_CHECK(encoded.ok());
  MARROW_FUZZ_CHECK(DecodeSpoolEntry(kId, AsBytes(*encoded)).ok());
}

}  // namespace
}  // namespace marrow

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const google::protobuf::LogSilencer quiet;  // it reports every string that is not UTF-8
  const marrow::Bytes bytes = std::as_bytes(std::span(data, size));
  marrow::ReadManifest(marrow::AsText(bytes));
  marrow::ReadEntry(bytes);
  return 0;
}
