// SPDX-License-Identifier: Apache-2.0
#include "server/client/channel.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "server/address/store_address.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {
namespace {

constexpr std::uint64_t kMaxPemBytes = 1 << 20;
constexpr int kMaxAnswerBytes = 64 << 20;

absl::Status ReadPem(FileSystem& files, const std::string& path, std::string& out) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> pem = ReadWholeFile(files, path, kMaxPemBytes);
  if (!pem.ok()) return pem.status();
  out = *std::move(pem);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(const StoreAddress& address,
                                                                      const ClientTls& tls) {
  if (tls.ca.empty() && tls.certificate.empty() && tls.key.empty()) {
    if (address.is_local) return grpc::InsecureChannelCredentials();
    return absl::InvalidArgumentError(absl::StrCat(
        address.text, " is not on this machine: dumps hold guest memory and travel there only ",
        "over TLS; give tls-ca, and tls-cert and tls-key where the store asks for them"));
  }
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError("a client certificate and its key go together");
  }
  const std::unique_ptr<FileSystem> files = MakePosixFileSystem();
  grpc::SslCredentialsOptions options;
  for (const auto& [path, pem] : {std::pair{&tls.ca, &options.pem_root_certs},
                                  std::pair{&tls.certificate, &options.pem_cert_chain},
                                  std::pair{&tls.key, &options.pem_private_key}}) {
    if (absl::Status s = ReadPem(*files, *path, *pem); !s.ok()) return s;
  }
  return grpc::SslCredentials(options);
}

void SetKeepalive(Keepalive keepalive, grpc::ChannelArguments& arguments) {
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(keepalive.after)));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                   static_cast<int>(absl::ToInt64Milliseconds(keepalive.timeout)));
  // A watch may send and receive nothing for days; gRPC would ask twice and then no more.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& address,
                                                           const ClientTls& tls,
                                                           Keepalive keepalive) {
  const absl::StatusOr<StoreAddress> parsed = ParseStoreAddress(address);
  if (!parsed.ok()) return parsed.status();
  auto credentials = Credentials(*parsed, tls);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxAnswerBytes);
  // A proxy of the environment is for the web, not for a store beside it.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!parsed->is_unix) SetKeepalive(keepalive, arguments);
  return grpc::CreateCustomChannel(address, *credentials, arguments);
}

}  // namespace marrow
