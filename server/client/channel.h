// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"

namespace marrow {

// PEM files of a client. With none set the connection is plaintext.
struct ClientTls {
  std::string ca;           // signs the store's certificate
  std::string certificate;  // the client's own, if the store asks for one
  std::string key;
};

// A channel to "HOST:PORT" or "unix:PATH". Connects when first used; takes answers of any size that
// a store gives.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& address,
                                                           const ClientTls& tls = {});

}  // namespace marrow
