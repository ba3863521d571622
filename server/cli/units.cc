// SPDX-License-Identifier: Apache-2.0
#include "server/cli/units.h"

#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace marrow::cli {

std::string HumanBytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrFormat("%u B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // What would round to "1024.0" belongs to the next unit.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string HumanTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

std::string HumanMilliseconds(const google::protobuf::Duration& duration) {
  const double seconds = static_cast<double>(duration.seconds());
  return absl::StrFormat("%.3f ms", seconds * 1e3 + static_cast<double>(duration.nanos()) / 1e6);
}

std::string HumanAddress(std::uint64_t address) { return absl::StrFormat("0x%016x", address); }

std::string HumanEnum(absl::string_view value_name, absl::string_view prefix) {
  if (!absl::ConsumePrefix(&value_name, prefix) || value_name == "UNSPECIFIED") return "";
  return absl::AsciiStrToLower(absl::StrReplaceAll(value_name, {{"_", "-"}}));
}

}  // namespace marrow::cli
