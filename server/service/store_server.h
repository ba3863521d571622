// SPDX-License-Identifier: Apache-2.0
// A whole store in one object: data directory, services, network. marrow-store is this with flags.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/ingest/ingestor.h"
#include "server/service/dumps_service.h"
#include "server/service/ingest_service.h"

namespace marrow {

// PEM files. Either all are set or none.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string client_ca;  // clients must show a certificate that it signed
  bool any() const { return !certificate.empty() || !key.empty() || !client_ca.empty(); }
  bool all() const { return !certificate.empty() && !key.empty() && !client_ca.empty(); }
};

struct StoreOptions {
  std::string data_directory;
  std::string listen = "127.0.0.1:7070";
  TlsFiles tls;
  IngestLimits ingest;
  UploadLimits uploads;
  QueryLimits queries;
  int compression_level = 3;
  std::size_t upload_threads = 4;
  std::size_t query_threads = 4;
  absl::Duration idle_timeout = absl::Seconds(60);    // a stream that waits longer is ended
  absl::Duration collect_period = absl::Minutes(10);  // between two collections of leftovers
  absl::Duration shutdown_grace = absl::Seconds(10);  // then calls are cut off
  // Told what happens in the background, where no caller is to be told.
  std::function<void(absl::string_view)> log_error = [](absl::string_view) {};
};

class StoreServer {
 public:
  // Serves when it returns. FailedPrecondition if another process uses the directory;
  // InvalidArgument for an address that needs TLS without it.
  static absl::StatusOr<std::unique_ptr<StoreServer>> Start(StoreOptions options);

  // Ends in order: refuses new calls, tells streams to go, lets running calls finish, cuts off the
  // rest after shutdown_grace.
  ~StoreServer();

  // Where clients find it, with the port that was chosen.
  const std::string& address() const;

 private:
  struct Parts;
  explicit StoreServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace marrow
