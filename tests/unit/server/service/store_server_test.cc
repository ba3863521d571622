// SPDX-License-Identifier: Apache-2.0
#include "server/service/store_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "grpcpp/create_channel.h"
#include "server/client/channel.h"
#include "server/errors/error_info.h"
#include "tests/unit/server/service/running_store.h"

namespace marrow {
namespace {

using testing::HasSubstr;

TEST(StoreServer, TakesTheChosenPortIntoItsAddress) {
  const TemporaryDirectory directory;
  StoreOptions options;
  options.data_directory = directory.path();
  options.listen = "127.0.0.1:0";
  const auto server = StoreServer::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_THAT((*server)->address(), testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  StoreClient client(*OpenChannel((*server)->address()));
  EXPECT_TRUE(client.ListDumps({}).ok());
}

TEST(StoreServer, KeepsADirectoryToItself) {
  RunningStore store;
  StoreOptions options = store.options();
  options.listen = "127.0.0.1:0";
  const absl::Status status = StoreServer::Start(options).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("another marrow-store"));
}

TEST(StoreServer, RefusesPlaintextBeyondTheMachine) {
  const TemporaryDirectory directory;
  for (const char* listen : {"0.0.0.0:0", "[::]:0"}) {
    StoreOptions options;
    options.data_directory = directory.path();
    options.listen = listen;
    const absl::Status status = StoreServer::Start(options).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--tls-cert"));
  }
}

TEST(StoreServer, RefusesHalfATlsConfiguration) {
  const TemporaryDirectory directory;
  StoreOptions options;
  options.data_directory = directory.path();
  options.listen = "127.0.0.1:0";
  options.tls.certificate = "cert.pem";
  EXPECT_TRUE(absl::IsInvalidArgument(StoreServer::Start(options).status()));
}

TEST(StoreServer, SaysThatAnAddressIsTaken) {
  RunningStore store;
  const TemporaryDirectory directory;
  StoreOptions first;
  first.data_directory = directory.Path("a");
  first.listen = "127.0.0.1:0";
  const auto server = StoreServer::Start(first);
  ASSERT_TRUE(server.ok()) << server.status();
  StoreOptions second = first;
  second.data_directory = directory.Path("b");
  second.listen = (*server)->address();
  EXPECT_TRUE(absl::IsUnavailable(StoreServer::Start(second).status()));
}

TEST(StoreServer, ServesWhatAnEarlierOneStored) {
  RunningStore store;
  ASSERT_TRUE(store.Upload(1, SampleCore(1, 10)).ok());
  store.Stop();
  store.Start();
  v1::GetDumpRequest request;
  request.set_name(store.Name(1));
  EXPECT_TRUE(store.client().GetDump(request).ok());
}

TEST(StoreServer, TellsUploadsToContinueLaterWhenItShutsDown) {
  RunningStore store;
  const std::string core = SampleCore(1, 10);
  const auto stream = AcceptedStream(store.channel(), 1, core);
  ASSERT_TRUE(stream->SendChunk(0, AsBytes(core).first(5000)).ok());
  store.Stop();
  const absl::Status status = stream->Receive().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(ReasonOf(status), "SHUTTING_DOWN");
}

TEST(StoreServer, KeepsUploadsThatBrokeForTheNextOne) {
  RunningStore store;
  const std::string core = SampleCore(1, 3000);  // 12 MiB: acknowledged twice on the way
  {
    const auto stream = AcceptedStream(store.channel(), 1, core);
    std::uint64_t offset = 0;
    for (; offset < (5 << 20); offset += 1 << 20) {
      ASSERT_TRUE(stream->SendChunk(offset, AsBytes(core).subspan(offset, 1 << 20)).ok());
    }
    const auto progress = stream->Receive();
    ASSERT_TRUE(progress.ok() && progress->has_progress()) << progress.status();
    EXPECT_EQ(progress->progress().durable_bytes(), std::uint64_t{4} << 20);
  }
  store.Stop();
  store.Start();
  const auto result = store.Upload(1, core);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GE(result->resumed_from, std::uint64_t{4} << 20);
}

TEST(StoreServer, TakesManyUploadsAtOnce) {
  RunningStore store;
  std::vector<std::thread> hosts;
  for (int host = 0; host < 8; ++host) {
    hosts.emplace_back([&store, host] {
      for (int i = 0; i < 5; ++i) {
        const int number = host * 100 + i;
        const auto result =
            store.Upload(number, SampleCore(static_cast<std::uint64_t>(number % 3), 20));
        EXPECT_TRUE(result.ok()) << result.status();
      }
    });
  }
  for (std::thread& host : hosts) host.join();
  v1::ListDumpsRequest request;
  request.set_page_size(1000);
  EXPECT_EQ(store.client().ListDumps(request)->dumps_size(), 40);
}

TEST(StoreServer, ServesTheNewestStreamOfADump) {
  RunningStore store;
  const std::string core = SampleCore(1, 10);
  const auto older = AcceptedStream(store.channel(), 1, core);
  ASSERT_TRUE(store.Upload(1, core).ok());
  // The older one learns of it when it speaks again.
  ASSERT_TRUE(older->SendChunk(0, AsBytes(core).first(100)).ok());
  EXPECT_EQ(ReasonOf(older->Receive().status()), "UPLOAD_SUPERSEDED");
}

}  // namespace
}  // namespace marrow
