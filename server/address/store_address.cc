// SPDX-License-Identifier: Apache-2.0
#include "server/address/store_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

bool IsLoopback(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return host == "localhost" || host == "[::1]";
}

}  // namespace

std::string StoreAddress::WithPort(int port) const {
  return is_unix ? text : absl::StrCat(host, ":", port);
}

absl::StatusOr<StoreAddress> ParseStoreAddress(absl::string_view text) {
  StoreAddress address{.text = std::string(text), .host = std::string(text)};
  if (absl::StartsWith(text, "unix:") && text.size() > 5) {
    address.is_local = address.is_unix = true;
    return address;
  }
  const std::size_t colon = text.rfind(':');
  std::uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is no address: use HOST:PORT, [IPV6]:PORT or unix:PATH"));
  }
  address.host = std::string(text.substr(0, colon));
  const bool bracketed = absl::StartsWith(address.host, "[") && absl::EndsWith(address.host, "]");
  if (!bracketed && absl::StrContains(address.host, ":")) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": put the IPv6 address into brackets, [IPV6]:PORT"));
  }
  address.is_local = IsLoopback(address.host);
  return address;
}

}  // namespace marrow
