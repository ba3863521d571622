// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace marrow {

// Text from a guest as valid UTF-8 that is safe on a terminal: cut at the first zero byte; control
// characters and bytes that are not UTF-8 become '?'.
std::string GuestText(absl::string_view raw);

}  // namespace marrow
