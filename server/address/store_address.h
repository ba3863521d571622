// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace marrow {

// Where a store listens, or where its clients find it.
struct StoreAddress {
  std::string text;       // as given: "HOST:PORT", "[IPV6]:PORT" or "unix:PATH"
  std::string host;       // text without the port; all of it for a unix socket
  bool is_local = false;  // loopback or unix socket: plaintext never leaves the machine
  bool is_unix = false;

  // The address that clients use when the server was given `port`.
  std::string WithPort(int port) const;
};

// InvalidArgument says what forms there are. Names other than "localhost" are not looked up, and
// count as not local.
absl::StatusOr<StoreAddress> ParseStoreAddress(absl::string_view text);

}  // namespace marrow
