// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/store_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {
namespace {

constexpr std::uint64_t kMaxPemBytes = 1 << 20;

bool IsPlaintext(const StoreTarget& target) {
  return target.tls_ca_path.empty() && target.tls_certificate_path.empty() &&
         target.tls_key_path.empty();
}

bool IsOnThisMachine(absl::string_view address) {
  for (const absl::string_view prefix : {"unix:", "127.0.0.1:", "localhost:", "[::1]:"}) {
    if (absl::StartsWith(address, prefix)) return true;
  }
  return false;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const StoreTarget& target) {
  if (IsPlaintext(target)) return grpc::InsecureChannelCredentials();
  const std::unique_ptr<FileSystem> files = MakePosixFileSystem();
  grpc::SslCredentialsOptions options;
  for (const auto& [path, pem] : {std::pair(&target.tls_ca_path, &options.pem_root_certs),
                                  std::pair(&target.tls_certificate_path, &options.pem_cert_chain),
                                  std::pair(&target.tls_key_path, &options.pem_private_key)}) {
    absl::StatusOr<std::string> text = ReadWholeFile(*files, *path, kMaxPemBytes);
    if (!text.ok()) return text.status();
    *pem = *std::move(text);
  }
  return grpc::SslCredentials(options);
}

grpc::ChannelArguments Arguments(const StoreTarget& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  // A proxy that the environment names cannot know what is behind our loopback.
  if (IsOnThisMachine(target.address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

}  // namespace

absl::Status CheckStoreTarget(const StoreTarget& target) {
  if (IsPlaintext(target)) {
    if (IsOnThisMachine(target.address)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("store ", target.address,
                     " is not on this machine: dumps hold guest memory and travel there ",
                     "only over mutual TLS; give tls_ca, tls_certificate and tls_key"));
  }
  if (target.tls_ca_path.empty() || target.tls_certificate_path.empty() ||
      target.tls_key_path.empty()) {
    return absl::InvalidArgumentError(
        "mutual TLS needs all of tls_ca, tls_certificate and tls_key");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectStore(const StoreTarget& target) {
  if (absl::Status status = CheckStoreTarget(target); !status.ok()) return status;
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = Credentials(target);
  if (!credentials.ok()) return credentials.status();
  return grpc::CreateCustomChannel(target.address, *credentials, Arguments(target));
}

}  // namespace marrow
