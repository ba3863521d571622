// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"

namespace marrow {

// PEM files of a client. With none set the connection is plaintext, which only loopback and unix
// sockets may use.
struct ClientTls {
  std::string ca;           // signs the store's certificate
  std::string certificate;  // the client's own, if the store asks for one
  std::string key;
};

// When a call under way has heard nothing for `after`, the store is asked whether it is there;
// without an answer within `timeout` the call fails with UNAVAILABLE. A store takes no more than
// one such question in 10 s. Unix sockets need none: their other end cannot vanish unnoticed.
struct Keepalive {
  absl::Duration after = absl::Seconds(20);
  absl::Duration timeout = absl::Seconds(10);
};

// A channel to "HOST:PORT", "[IPV6]:PORT" or "unix:PATH". Connects when first used; takes answers
// of any size that a store gives. InvalidArgument for another form of address, for TLS files given
// in part, and for plaintext to another machine; else what reading the PEM files gives.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& address,
                                                           const ClientTls& tls = {},
                                                           Keepalive keepalive = {});

}  // namespace marrow
