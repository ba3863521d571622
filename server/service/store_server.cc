// SPDX-License-Identifier: Apache-2.0
#include "server/service/store_server.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "server/address/store_address.h"
#include "server/blobs/file_blob_store.h"
#include "server/catalog/sqlite_catalog.h"
#include "server/service/janitor.h"
#include "vmm_backend/posix/fd.h"

namespace marrow {
namespace {

constexpr std::uint64_t kMaxPemBytes = 1 << 20;
constexpr int kMaxStreamsOfAConnection = 1000;
constexpr absl::Duration kIdleCheckPeriod = absl::Seconds(1);

// One process for each data directory; the lock goes with the process.
absl::StatusOr<UniqueFd> LockDirectory(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/LOCK");
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.ok()) return ErrnoStatus(errno, absl::StrCat("open ", path));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("flock ", path));
  return absl::FailedPreconditionError(
      absl::StrCat("another marrow-store uses ", directory, "; each needs its own directory"));
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Credentials(const StoreAddress& address,
                                                                     const TlsFiles& tls,
                                                                     FileSystem& files) {
  if (!tls.any()) {
    if (address.is_local) return grpc::InsecureServerCredentials();
    return absl::InvalidArgumentError(
        absl::StrCat(address.text,
                     " is not a loopback address or unix socket: it needs --tls-cert, --tls-key "
                     "and --tls-client-ca"));
  }
  if (!tls.all()) {
    return absl::InvalidArgumentError("--tls-cert, --tls-key and --tls-client-ca go together");
  }
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  auto certificate = ReadWholeFile(files, tls.certificate, kMaxPemBytes);
  if (!certificate.ok()) return certificate.status();
  auto key = ReadWholeFile(files, tls.key, kMaxPemBytes);
  if (!key.ok()) return key.status();
  auto client_ca = ReadWholeFile(files, tls.client_ca, kMaxPemBytes);
  if (!client_ca.ok()) return client_ca.status();
  options.pem_root_certs = *std::move(client_ca);
  options.pem_key_cert_pairs.push_back({*std::move(key), *std::move(certificate)});
  return grpc::SslServerCredentials(options);
}

void SetChannelArguments(grpc::ServerBuilder& builder) {
  // Together they bound what a stalled upload holds: a window that does not grow with the
  // connection's speed, and little of it.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // Hosts ping every 20 s while an upload is slow; the default would take that for abuse.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20);
  // A host that lost its power says nothing: ask.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // Two stores must not share a port by accident.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfAConnection);
  builder.SetMaxReceiveMessageSize(kMaxUploadMessageBytes);
}

}  // namespace

// In the order of construction; torn down in reverse, streams before what they use.
struct StoreServer::Parts {
  explicit Parts(StoreOptions o) : options(std::move(o)), files(MakePosixFileSystem()) {}

  absl::Status OpenData();
  void MakeServices();
  absl::Status Listen();
  void Sweep();
  void Collect();

  const StoreOptions options;
  std::unique_ptr<FileSystem> files;
  UniqueFd lock;
  std::unique_ptr<Catalog> catalog;
  std::unique_ptr<BlobStore> blobs;
  std::unique_ptr<Archive> archive;
  std::unique_ptr<Ingestor> ingestor;
  WatchHub hub;
  std::unique_ptr<WorkerPool> upload_workers;
  std::unique_ptr<WorkerPool> query_workers;
  std::unique_ptr<IngestService> ingest_service;
  std::unique_ptr<DumpsService> dumps_service;
  std::unique_ptr<grpc::Server> server;
  std::string address;
  std::unique_ptr<Janitor> idle_janitor;
  std::unique_ptr<Janitor> leftover_janitor;
};

absl::Status StoreServer::Parts::OpenData() {
  const std::string& directory = options.data_directory;
  if (absl::Status s = files->CreateDirectories(directory); !s.ok()) return s;
  auto locked = LockDirectory(directory);
  if (!locked.ok()) return locked.status();
  lock = *std::move(locked);
  auto sqlite = SqliteCatalog::Open(absl::StrCat(directory, "/catalog.db"));
  if (!sqlite.ok()) return sqlite.status();
  catalog = *std::move(sqlite);
  auto file_blobs =
      FileBlobStore::Open(*files, absl::StrCat(directory, "/blobs"), options.compression_level);
  if (!file_blobs.ok()) return file_blobs.status();
  blobs = *std::move(file_blobs);
  archive = std::make_unique<Archive>(*catalog, *blobs);
  auto incoming =
      Ingestor::Open(*files, absl::StrCat(directory, "/incoming"), *archive, options.ingest);
  if (!incoming.ok()) return incoming.status();
  ingestor = *std::move(incoming);
  return absl::OkStatus();
}

void StoreServer::Parts::MakeServices() {
  upload_workers = std::make_unique<WorkerPool>(options.upload_threads);
  query_workers = std::make_unique<WorkerPool>(options.query_threads);
  ingest_service =
      std::make_unique<IngestService>(*ingestor, hub, *upload_workers, options.uploads);
  dumps_service = std::make_unique<DumpsService>(*archive, hub, *query_workers, options.queries);
}

absl::Status StoreServer::Parts::Listen() {
  const absl::StatusOr<StoreAddress> listen = ParseStoreAddress(options.listen);
  if (!listen.ok()) return listen.status();
  auto credentials = Credentials(*listen, options.tls, *files);
  if (!credentials.ok()) return credentials.status();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetChannelArguments(builder);
  int port = 0;
  builder.AddListeningPort(listen->text, *credentials, &port);
  builder.RegisterService(ingest_service.get());
  builder.RegisterService(dumps_service.get());
  server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    server.reset();
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen->text, ": is the address in use?"));
  }
  for (const char* service : {"marrow.v1.Ingest", "marrow.v1.Dumps"}) {
    server->GetHealthCheckService()->SetServingStatus(service, true);
  }
  address = listen->WithPort(port);
  return absl::OkStatus();
}

void StoreServer::Parts::Sweep() {
  const absl::Time deadline = absl::Now() - options.idle_timeout;
  ingest_service->EndIdle(deadline);
  dumps_service->EndIdle(deadline);
}

void StoreServer::Parts::Collect() {
  for (const absl::Status& status :
       {ingestor->CollectLeftovers(), archive->CollectOrphans().status()}) {
    if (!status.ok()) options.log_error(absl::StrCat("collecting leftovers: ", status.ToString()));
  }
}

StoreServer::StoreServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<StoreServer>> StoreServer::Start(StoreOptions options) {
  auto parts = std::make_unique<Parts>(std::move(options));
  if (absl::Status s = parts->OpenData(); !s.ok()) return s;
  parts->MakeServices();
  if (absl::Status s = parts->Listen(); !s.ok()) return s;
  Parts& p = *parts;
  p.idle_janitor = std::make_unique<Janitor>(kIdleCheckPeriod, [&p] { p.Sweep(); });
  p.leftover_janitor = std::make_unique<Janitor>(p.options.collect_period, [&p] { p.Collect(); });
  return std::unique_ptr<StoreServer>(new StoreServer(std::move(parts)));
}

StoreServer::~StoreServer() {
  parts_->idle_janitor.reset();
  parts_->leftover_janitor.reset();
  parts_->server->GetHealthCheckService()->Shutdown();
  parts_->ingest_service->Drain();
  parts_->dumps_service->Drain();
  parts_->server->Shutdown(absl::ToChronoTime(absl::Now() + parts_->options.shutdown_grace));
  parts_->server->Wait();
}

const std::string& StoreServer::address() const { return parts_->address; }

}  // namespace marrow
