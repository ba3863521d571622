// SPDX-License-Identifier: Apache-2.0
// What a real marrow-store does when hosts ask for more than it gives.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "server/client/channel.h"
#include "server/client/store_client.h"
#include "server/client/upload_stream_client.h"
#include "server/errors/error_info.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/integration/store_process.h"

namespace marrow {
namespace {

constexpr int kStreams = 64;
constexpr std::uint64_t kMib = 1 << 20;

class StoreLimits : public testing::Test {
 protected:
  void Start(std::vector<std::string> flags) {
    auto store = StoreProcess::Start(directory_.path(), std::move(flags));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  std::shared_ptr<grpc::Channel> Channel() const { return *OpenChannel(store_->address()); }

  TemporaryDirectory directory_;
  std::unique_ptr<StoreProcess> store_;
};

TEST_F(StoreLimits, KeepMemoryBoundedUnderManyStalledUploads) {
  Start({"--max-uploads", "64"});
  const std::string core = SampleCore(1, 2560);  // 10 MiB: 640 MiB in all
  std::latch all_sent(kStreams);
  std::vector<std::thread> hosts;
  for (int host = 0; host < kStreams; ++host) {
    hosts.emplace_back([&, host] {
      UploadStreamClient stream(Channel());
      const auto answer = stream.Begin(SampleManifest(host), core.size(), Sha256Of(AsBytes(core)));
      EXPECT_TRUE(answer.ok()) << answer.status();
      // As fast as flow control lets it, then nothing more, with the stream left open.
      for (std::uint64_t at = 0; answer.ok() && at < 10 * kMib; at += kMib) {
        EXPECT_TRUE(stream.SendChunk(at, AsBytes(core).subspan(at, kMib)).ok());
      }
      all_sent.arrive_and_wait();
    });
  }
  for (std::thread& host : hosts) host.join();
  // 3 MiB for a stream as promised (server/service/ingest_service.h), and the program itself.
  EXPECT_LT(store_->PeakResidentBytes(), (kStreams * 3 + 100) * kMib);
}

TEST_F(StoreLimits, ServeOthersOnceRefusedHostsRetry) {
  Start({"--max-uploads", "2"});
  const std::string core = SampleCore(1, 10);
  std::atomic<int> refused = 0;
  std::vector<std::thread> hosts;
  for (int host = 0; host < 12; ++host) {
    hosts.emplace_back([&, host] {
      const absl::Time deadline = absl::Now() + absl::Seconds(100);
      absl::Status status;
      do {
        status = UploadDump(Channel(), SampleManifest(host), SpanSource(AsBytes(core)),
                            Sha256Of(AsBytes(core)))
                     .status();
        if (absl::IsResourceExhausted(status)) {
          ++refused;
          EXPECT_TRUE(RetryDelayOf(status).has_value()) << status;
        }
      } while (absl::IsResourceExhausted(status) && absl::Now() < deadline);
      EXPECT_TRUE(status.ok()) << status;
    });
  }
  for (std::thread& host : hosts) host.join();
  EXPECT_GT(refused, 0);
  EXPECT_EQ(StoreClient(Channel()).ListDumps({})->dumps_size(), 12);
}

TEST_F(StoreLimits, FreePlacesOfStalledUploads) {
  Start({"--max-uploads", "1", "--idle-timeout", "0.2"});
  const std::string core = SampleCore(1, 10);
  UploadStreamClient stalled(Channel());
  ASSERT_TRUE(stalled.Begin(SampleManifest(1), core.size(), Sha256Of(AsBytes(core))).ok());
  const absl::Time deadline = absl::Now() + absl::Seconds(100);
  absl::Status status;
  do {
    status =
        UploadDump(Channel(), SampleManifest(2), SpanSource(AsBytes(core)), Sha256Of(AsBytes(core)))
            .status();
  } while (absl::IsResourceExhausted(status) && absl::Now() < deadline);
  EXPECT_TRUE(status.ok()) << status;
}

}  // namespace
}  // namespace marrow
