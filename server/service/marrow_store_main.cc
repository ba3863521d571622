// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/stubs/logging.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <string>

#include "server/service/store_server.h"

namespace marrow {
namespace {

constexpr int kFailure = 1;
constexpr int kUsage = 2;

void AddDuration(CLI::App& app, const std::string& flag, absl::Duration& value,
                 const std::string& help) {
  app.add_option_function<double>(
         flag, [&value](const double& seconds) { value = absl::Seconds(seconds); }, help)
      ->check(CLI::PositiveNumber)
      ->type_name("SECONDS")
      ->default_str(std::to_string(absl::ToInt64Seconds(value)));
}

void AddFlags(CLI::App& app, StoreOptions& options) {
  const auto bytes = CLI::AsSizeValue(/*kb_is_1000=*/false);
  app.add_option("--data", options.data_directory, "Directory of the store; created if missing")
      ->required()
      ->type_name("DIR");
  app.add_option("--listen", options.listen,
                 "HOST:PORT, [IPV6]:PORT or unix:PATH; port 0 takes a free one. Anything but "
                 "loopback and unix sockets needs the three --tls flags")
      ->capture_default_str();
  app.add_option("--tls-cert", options.tls.certificate, "PEM certificate chain of the store");
  app.add_option("--tls-key", options.tls.key, "PEM private key of the store");
  app.add_option("--tls-client-ca", options.tls.client_ca,
                 "PEM certificates that sign those of clients; a client must show one");
  app.add_option("--max-core-bytes", options.ingest.max_core_bytes, "Largest core taken")
      ->transform(bytes)
      ->capture_default_str();
  app.add_option("--disk-floor", options.ingest.disk_floor_bytes,
                 "Free bytes on the disk that uploads leave alone")
      ->transform(bytes)
      ->capture_default_str();
  app.add_option("--max-uploads", options.uploads.max_streams, "Upload streams at the same time")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--max-bytes-in-flight", options.uploads.max_bytes_in_flight,
                 "Bytes received and not yet handled above which new uploads are refused")
      ->transform(bytes)
      ->capture_default_str();
  app.add_option("--compression-level", options.compression_level, "zstd level of stored cores")
      ->check(CLI::Range(1, 19))
      ->capture_default_str();
  AddDuration(app, "--idle-timeout", options.idle_timeout, "A stream that stalls longer is ended");
  AddDuration(app, "--partial-ttl", options.ingest.partial_ttl,
              "An upload that nobody continues for so long is dropped");
}

// SIGTERM and SIGINT, blocked in all threads so that sigwait gets them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

int Serve(StoreOptions options) {
  const sigset_t signals = BlockSignals();
  ::umask(0077);  // dumps hold memory: nobody else's business
  spdlog::set_default_logger(spdlog::stderr_color_mt("marrow-store"));
  // Else any peer could fill the log with strings that are not UTF-8; the call's status says as
  // much.
  google::protobuf::SetLogHandler(nullptr);
  options.log_error = [](absl::string_view text) { spdlog::error("{}", std::string(text)); };
  auto server = StoreServer::Start(std::move(options));
  if (!server.ok()) {
    spdlog::error("{}", std::string(server.status().message()));
    return kFailure;
  }
  std::printf("marrow-store listening on %s\n", (*server)->address().c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("signal {}: shutting down", signal);
  server->reset();
  return 0;
}

}  // namespace
}  // namespace marrow

int main(int argc, char** argv) {
  CLI::App app("Keeps the cores of crashed virtual machines and answers questions about them.",
               "marrow-store");
  app.set_version_flag("--version", MARROW_VERSION);
  app.footer(
      "Prints one line, `marrow-store listening on ADDRESS`, when it serves; logs to stderr. "
      "SIGTERM ends it in order.\nExit codes: 0 ended by a signal, 1 failure, 2 usage.");
  marrow::StoreOptions options;
  marrow::AddFlags(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : marrow::kUsage;
  }
  return marrow::Serve(std::move(options));
}
