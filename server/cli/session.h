// SPDX-License-Identifier: Apache-2.0
// One run of the command line: where to write, whom to ask.
#pragma once

#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "marrow/v1/dumps.grpc.pb.h"
#include "marrow/v1/host.grpc.pb.h"
#include "server/cli/environment.h"
#include "server/client/channel.h"

namespace marrow::cli {

enum class OutputFormat { kHuman, kJson };

struct SessionOptions {
  std::string store_address;  // as gRPC takes it: "127.0.0.1:7070"
  ClientTls store_tls;        // all empty: plaintext
  std::string control_path;   // of marrowd's socket
  OutputFormat format = OutputFormat::kHuman;
};

// Not thread-safe. Statuses from the network carry their ErrorInfo and name the server.
class Session {
 public:
  // Connects when first used. Fails on TLS files that cannot be read or do not go together.
  static absl::StatusOr<Session> Open(Environment& environment, SessionOptions options);

  Environment& environment() { return environment_; }
  std::ostream& out() { return environment_.out; }
  std::ostream& err() { return environment_.err; }
  bool json() const { return options_.format == OutputFormat::kJson; }

  v1::Dumps::Stub& dumps() { return *dumps_; }
  v1::HostControl::Stub& host() { return *host_; }

  // Of a finished call to the store or to marrowd.
  absl::Status StoreStatus(const grpc::Status& status) const;
  absl::Status HostStatus(const grpc::Status& status) const;

  // "dumps/ID" for that or for a whole ID; InvalidArgument for anything else.
  static absl::StatusOr<std::string> NameOf(const std::string& id);

  // NameOf(id), or of the one dump among the newest kPrefixScope whose id begins with `id`.
  // NotFound and InvalidArgument if none does and if several do.
  absl::StatusOr<std::string> ResolveName(const std::string& id);

  // The dump named by ResolveName(id); it passes CheckDumpId, as those of ListDumps do.
  absl::StatusOr<v1::Dump> GetDump(const std::string& id);

  // Gives `take` the dumps that match, at most `limit` of them (0: all), a page at a time: at least
  // one, which is empty where none match. No page is asked for before the one before it is taken.
  using TakePage = std::function<void(const v1::ListDumpsResponse& page)>;
  absl::Status ListDumps(const std::string& filter, const std::string& order_by, std::size_t limit,
                         const TakePage& take);

  // The message as JSON: fields named as in the .proto, all of them present.
  void PrintJson(const google::protobuf::Message& message);
  // The same on one line.
  void PrintJsonLine(const google::protobuf::Message& message);
  static std::string JsonLine(const google::protobuf::Message& message);

 private:
  Session(Environment& environment, SessionOptions options, std::shared_ptr<grpc::Channel> store,
          std::shared_ptr<grpc::Channel> host);

  Environment& environment_;
  SessionOptions options_;
  std::unique_ptr<v1::Dumps::Stub> dumps_;
  std::unique_ptr<v1::HostControl::Stub> host_;
};

// A page of ListDumps.
inline constexpr std::size_t kPrefixScope = 1000;

// Ids become names of files and text on terminals. Internal for a dump of the store's whose name
// and id are not those of one dump.
absl::Status CheckDumpId(const v1::Dump& dump);

// For calls that answer at once and for those that do work first.
inline constexpr absl::Duration kCallTimeout = absl::Seconds(30);
inline constexpr absl::Duration kCaptureTimeout = absl::Minutes(5);

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace marrow::cli
