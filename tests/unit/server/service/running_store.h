// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "server/client/store_client.h"
#include "server/client/upload_stream_client.h"
#include "server/service/store_server.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"

namespace marrow {

// A whole store in this process, on a unix socket in a directory of its own.
class RunningStore {
 public:
  explicit RunningStore(StoreOptions options = {});

  // What Start needs to serve this store's data from this store's address.
  StoreOptions options() const { return options_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // Another channel, whose window does not grow: a large answer that nobody reads does not fit it.
  std::shared_ptr<grpc::Channel> NarrowChannel() const;
  StoreClient& client() { return *client_; }
  void Stop() { server_.reset(); }
  void Start();

  absl::StatusOr<UploadResult> Upload(int number, const std::string& core);
  // `name` of dump `number`.
  static std::string Name(int number) { return "dumps/" + SampleId(number); }

 private:
  TemporaryDirectory directory_;
  StoreOptions options_;
  std::unique_ptr<StoreServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<StoreClient> client_;
};

// A manifest of about 2 MiB that a store accepts.
v1::Manifest LargeManifest(int number);

// A stream of which Begin was accepted.
std::unique_ptr<UploadStreamClient> AcceptedStream(const std::shared_ptr<grpc::Channel>& channel,
                                                   int number, const std::string& core);

}  // namespace marrow
