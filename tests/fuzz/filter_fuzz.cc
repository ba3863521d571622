// SPDX-License-Identifier: Apache-2.0
// Any text as a filter: an accepted one prints to a text that parses back to it, and selects the
// same dumps. Any text as order_by.
#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/query/filter.h"
#include "tests/fuzz/check.h"

namespace {

marrow::v1::Dump ADump() {
  marrow::v1::Dump dump;
  dump.set_state(marrow::v1::DUMP_STATE_COMPLETE);
  dump.set_title("Kernel panic - not syncing");
  dump.mutable_manifest()->mutable_vm()->set_name("web");
  (*dump.mutable_manifest()->mutable_vm()->mutable_labels())["env"] = "prod";
  dump.mutable_manifest()->set_trigger(marrow::v1::TRIGGER_PANIC);
  dump.mutable_manifest()->mutable_capture_time()->set_seconds(1'800'000'000);
  return dump;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const marrow::v1::Dump* const dump = new marrow::v1::Dump(ADump());
  // SAFETY: char may alias any object.
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  (void)marrow::ParseOrderBy(text);
  const auto filter = marrow::ParseFilter(text);
  if (!filter.ok()) return 0;
  const std::string printed = marrow::FormatFilter(*filter);
  const bool matches = marrow::Matches(*filter, *dump);
  if (printed.size() > marrow::kMaxFilterBytes) return 0;
  const auto again = marrow::ParseFilter(printed);
  MARROW_FUZZ_CHECK(again.ok());
  MARROW_FUZZ_CHECK(marrow::FormatFilter(*again) == printed);
  MARROW_FUZZ_CHECK(marrow::Matches(*again, *dump) == matches);
  return 0;
}
