// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/server/service/running_store.h"

#include <gtest/gtest.h>

#include <utility>

#include "grpcpp/create_channel.h"
#include "server/client/channel.h"

namespace marrow {

RunningStore::RunningStore(StoreOptions options) : options_(std::move(options)) {
  options_.data_directory = directory_.Path("data");
  options_.listen = "unix:" + directory_.Path("socket");
  options_.ingest.disk_floor_bytes = 0;
  options_.shutdown_grace = absl::Seconds(60);  // nothing here may need it
  Start();
  auto channel = OpenChannel(options_.listen);
  EXPECT_TRUE(channel.ok()) << channel.status();
  channel_ = *std::move(channel);
  client_ = std::make_unique<StoreClient>(channel_);
}

void RunningStore::Start() {
  auto server = StoreServer::Start(options_);
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
}

std::shared_ptr<grpc::Channel> RunningStore::NarrowChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(options_.listen, grpc::InsecureChannelCredentials(), arguments);
}

absl::StatusOr<UploadResult> RunningStore::Upload(int number, const std::string& core) {
  return UploadDump(channel_, SampleManifest(number), SpanSource(AsBytes(core)),
                    Sha256Of(AsBytes(core)));
}

v1::Manifest LargeManifest(int number) {
  v1::Manifest manifest = SampleManifest(number);
  for (int i = 0; i < 10'000; ++i) manifest.add_regions()->set_name(std::string(200, 'r'));
  return manifest;
}

std::unique_ptr<UploadStreamClient> AcceptedStream(const std::shared_ptr<grpc::Channel>& channel,
                                                   int number, const std::string& core) {
  auto stream = std::make_unique<UploadStreamClient>(channel);
  const auto answer = stream->Begin(SampleManifest(number), core.size(), Sha256Of(AsBytes(core)));
  EXPECT_TRUE(answer.ok() && answer->has_accept()) << answer.status();
  return stream;
}

}  // namespace marrow
