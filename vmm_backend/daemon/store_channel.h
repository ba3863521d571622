// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace marrow {

// Where the store is and how it and we prove who we are.
struct StoreTarget {
  std::string address = "127.0.0.1:7070";  // "host:port" or "unix:/path"
  // PEM files. All empty: plaintext, which only loopback and unix sockets may use.
  std::string tls_ca_path;
  std::string tls_certificate_path;
  std::string tls_key_path;
};

// InvalidArgument for TLS files given in part, and for plaintext to another machine.
absl::Status CheckStoreTarget(const StoreTarget& target);

// Never waits for the store. The channel keeps trying to connect, about once a second, and finds a
// dead connection within half a minute. Errors: CheckStoreTarget's, and PEM files that cannot be
// read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectStore(const StoreTarget& target);

}  // namespace marrow
