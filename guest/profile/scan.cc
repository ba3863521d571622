// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/scan.h"

#include <charconv>

namespace marrow::profile {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

template <typename T>
std::optional<T> ParseNumber(std::string_view text, int base) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string_view TakeLine(std::string_view* text) {
  const std::size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  return line;
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t start = line.find_first_not_of(kBlanks);
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(kBlanks), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

std::string_view Trim(std::string_view text) {
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

std::optional<std::uint64_t> ParseHex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  return ParseNumber<std::uint64_t>(text, 16);
}

std::optional<std::uint64_t> ParseDecimal(std::string_view text) {
  return ParseNumber<std::uint64_t>(text, 10);
}

std::optional<std::int64_t> ParseSigned(std::string_view text) {
  return ParseNumber<std::int64_t>(text, 10);
}

std::optional<std::vector<std::uint32_t>> ParseCpuList(std::string_view text, std::size_t limit) {
  std::vector<std::uint32_t> cpus;
  text = Trim(text);
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(item.size() + 1, text.size()));
    const std::size_t dash = item.find('-');
    const auto first = ParseNumber<std::uint32_t>(item.substr(0, dash), 10);
    const auto last =
        dash == item.npos ? first : ParseNumber<std::uint32_t>(item.substr(dash + 1), 10);
    if (!first || !last || *last < *first || *last - *first >= limit - cpus.size()) {
      return std::nullopt;
    }
    for (std::uint32_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace marrow::profile
