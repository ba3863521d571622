// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/config_values.h"

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxQuotedBytes = 100;

absl::Status Invalid(absl::string_view text, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", absl::CHexEscape(text.substr(0, kMaxQuotedBytes)), "\" is not ", expected));
}

// The value that the table gives to `text`; else an error that lists the table.
template <typename Value, std::size_t kCount>
absl::StatusOr<Value> OneOf(absl::string_view text,
                            const std::array<std::pair<absl::string_view, Value>, kCount>& table) {
  std::string names;
  for (const auto& [name, value] : table) {
    if (text == name) return value;
    absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  return Invalid(text, absl::StrCat("one of ", names));
}

}  // namespace

absl::StatusOr<std::uint64_t> ParseByteSize(absl::string_view text) {
  constexpr std::array<std::pair<absl::string_view, int>, 6> kUnits = {
      {{"", 0}, {"B", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}}};
  const auto* const digits_end =
      std::find_if_not(text.begin(), text.end(), [](char c) { return absl::ascii_isdigit(c); });
  const auto digits = static_cast<std::size_t>(digits_end - text.begin());
  std::uint64_t number = 0;
  for (const auto& [unit, shift] : kUnits) {
    if (text.substr(digits) != unit || !absl::SimpleAtoi(text.substr(0, digits), &number)) continue;
    if (number <= std::numeric_limits<std::uint64_t>::max() >> shift) return number << shift;
  }
  return Invalid(text, "a size: write an integer with B, KiB, MiB, GiB or TiB, such as 64KiB");
}

absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text) {
  absl::Duration duration;
  if (absl::ParseDuration(text, &duration) && duration > absl::ZeroDuration() &&
      duration < absl::InfiniteDuration()) {
    return duration;
  }
  return Invalid(text, "a duration: write a number with ms, s, m or h, such as 1500ms");
}

absl::StatusOr<std::uint64_t> ParseCount(absl::string_view text) {
  std::uint32_t count = 0;
  if (absl::SimpleAtoi(text, &count) && count > 0) return count;
  return Invalid(text, "a count: write an integer from 1 to 4294967295");
}

absl::StatusOr<bool> ParseBool(absl::string_view text) {
  return OneOf<bool, 2>(text, {{{"true", true}, {"false", false}}});
}

absl::StatusOr<std::string> ParseName(absl::string_view text) {
  const bool valid = !text.empty() && text.size() <= kMaxNameBytes &&
                     std::all_of(text.begin(), text.end(), [](char c) {
                       return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                     });
  if (valid) return std::string(text);
  return Invalid(text, "a name: use 1 to 64 letters, digits, dots, underscores and hyphens");
}

absl::StatusOr<std::string> ParseText(absl::string_view text) {
  if (!text.empty()) return std::string(text);
  return Invalid(text, "enough: write some text");
}

absl::StatusOr<std::string> ParsePath(absl::string_view text) {
  const bool valid =
      !text.empty() && text.front() == '/' && text.find('\0') == absl::string_view::npos;
  if (valid) return std::string(text);
  return Invalid(text, "an absolute path: start it with /");
}

absl::StatusOr<std::string> ParseSocketPath(absl::string_view text) {
  constexpr std::size_t kMaxBytes = sizeof(sockaddr_un::sun_path) - 1;
  if (text.size() <= kMaxBytes) return ParsePath(text);
  return Invalid(text, absl::StrCat("a socket path: it has ", text.size(),
                                    " bytes and the kernel takes ", kMaxBytes, ", shorten it"));
}

absl::StatusOr<std::string> ParseLogLevel(absl::string_view text) {
  absl::StatusOr<absl::string_view> level =
      OneOf<absl::string_view, 5>(text, {{{"trace", "trace"},
                                          {"debug", "debug"},
                                          {"info", "info"},
                                          {"warn", "warn"},
                                          {"error", "error"}}});
  if (!level.ok()) return level.status();
  return std::string(*level);
}

absl::StatusOr<std::uint64_t> ParseWindowSize(absl::string_view text) {
  absl::StatusOr<std::uint64_t> bytes = ParseByteSize(text);
  if (!bytes.ok()) return bytes;
  if (std::has_single_bit(*bytes) && *bytes >= MARROW_WINDOW_MIN_BYTES &&
      *bytes <= MARROW_WINDOW_MAX_BYTES) {
    return bytes;
  }
  return Invalid(text, "a window size: use a power of two from 4KiB to 16MiB");
}

absl::StatusOr<AfterCapture> ParseAfterCapture(absl::string_view text) {
  return OneOf<AfterCapture, 4>(text, {{{"leave", AfterCapture::kLeave},
                                        {"resume", AfterCapture::kResume},
                                        {"reset", AfterCapture::kReset},
                                        {"destroy", AfterCapture::kDestroy}}});
}

absl::StatusOr<marrow_region_class> ParseRegionClass(absl::string_view text) {
  return OneOf<marrow_region_class, 5>(text, {{{"kernel-data", MARROW_CLASS_KERNEL_DATA},
                                               {"log", MARROW_CLASS_LOG},
                                               {"task", MARROW_CLASS_TASK},
                                               {"user", MARROW_CLASS_USER},
                                               {"secret", MARROW_CLASS_SECRET}}});
}

}  // namespace marrow
