// SPDX-License-Identifier: Apache-2.0
// Text of guests and strangers, made safe to print.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace marrow {

// The text with everything that is not printable UTF-8 as \xNN, byte by byte: control characters
// (C0 but for tab, DEL, C1), stray and overlong sequences, surrogates. The result is UTF-8 and one
// line.
std::string Printable(absl::string_view text);

// The longest prefix of UTF-8 `text` within `bytes` that does not end inside a character.
absl::string_view Utf8Prefix(absl::string_view text, std::size_t bytes);

}  // namespace marrow
