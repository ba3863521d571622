// SPDX-License-Identifier: Apache-2.0
// Takes apart the line-oriented text that the kernel's pseudo files hold. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace marrow::profile {

// Cuts the first line off `*text`, without its line end.
std::string_view TakeLine(std::string_view* text);

// Words separated by blanks.
std::vector<std::string_view> Words(std::string_view line);

// Without blanks, tabs and line ends at both ends.
std::string_view Trim(std::string_view text);

// All of `text` is one number that fits. Hex with or without 0x.
std::optional<std::uint64_t> ParseHex(std::string_view text);
std::optional<std::uint64_t> ParseDecimal(std::string_view text);
std::optional<std::int64_t> ParseSigned(std::string_view text);

// "0-3,8" -> 0 1 2 3 8; at most `limit` of them. Nothing if the text is not such a list.
std::optional<std::vector<std::uint32_t>> ParseCpuList(std::string_view text,
                                                       std::size_t limit = 65536);

}  // namespace marrow::profile
