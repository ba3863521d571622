// SPDX-License-Identifier: Apache-2.0
// What a real marrow-store does when hosts ask for more than it gives.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "server/client/channel.h"
#include "server/client/store_client.h"
#include "server/client/upload_stream_client.h"
#include "server/errors/error_info.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/integration/store_process.h"
#include "vmm_backend/base/crc32c.h"

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

// Uploads whose record of an earlier upload is a FIFO: the worker that looks at it waits until
// somebody opens the other end.
class BlockedWorkers {
 public:
  BlockedWorkers(const std::string& data, int count, const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Ingest::NewStub(channel)), contexts_(static_cast<std::size_t>(count)) {
    for (int i = 0; i < count; ++i) {
      paths_.push_back(data + "/incoming/" + SampleId(1000 + i) + ".begin");
      EXPECT_EQ(::mkfifo(paths_.back().c_str(), 0600), 0);
      streams_.push_back(stub_->Upload(&contexts_[static_cast<std::size_t>(i)]));
      EXPECT_TRUE(streams_.back()->Write(BeginOf(1000 + i, SampleCore(1, 1))));
    }
  }
  ~BlockedWorkers() {
    for (const std::string& path : paths_) ::close(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    for (grpc::ClientContext& context : contexts_) context.TryCancel();
  }
  BlockedWorkers(const BlockedWorkers&) = delete;
  BlockedWorkers& operator=(const BlockedWorkers&) = delete;

  static v1::UploadRequest BeginOf(int number, const std::string& core) {
    v1::UploadRequest request;
    *request.mutable_begin()->mutable_manifest() = SampleManifest(number);
    request.mutable_begin()->set_core_bytes(core.size());
    request.mutable_begin()->set_core_sha256(DigestText(Sha256Of(AsBytes(core))));
    return request;
  }

 private:
  std::unique_ptr<v1::Ingest::Stub> stub_;
  std::deque<grpc::ClientContext> contexts_;
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<v1::UploadRequest, v1::UploadResponse>>>
      streams_;
  std::vector<std::string> paths_;
};

TEST_F(StoreLimits, KeepMemoryBoundedUnderManyStalledUploads) {
  Start({"--max-uploads", "68"});
  constexpr int kWorkers = 4;
  constexpr std::uint64_t kPiece = kMib / 4;
  const std::string core = SampleCore(1, 2560);  // 10 MiB: 640 MiB in all
  auto blocked = std::make_unique<BlockedWorkers>(directory_.path(), kWorkers, Channel());
  std::atomic<int> stalled = 0;  // hosts that have sent what must fit, with nobody to take it
  std::atomic<int> finished = 0;
  std::vector<std::thread> hosts;
  for (int host = 0; host < kStreams; ++host) {
    hosts.emplace_back([&, host] {
      const auto stub = v1::Ingest::NewStub(Channel());
      grpc::ClientContext context;
      const auto stream = stub->Upload(&context);
      EXPECT_TRUE(stream->Write(BlockedWorkers::BeginOf(host, core)));
      v1::UploadRequest request;
      for (std::uint64_t at = 0; at < 10 * kMib; at += kPiece) {
        request.mutable_chunk()->set_offset(at);
        request.mutable_chunk()->set_data(core.substr(at, kPiece));
        request.mutable_chunk()->set_crc32c(Crc32c(AsBytes(request.chunk().data())));
        if (!stream->Write(request)) break;
        if (at == 2 * kPiece) ++stalled;
      }
      ++finished;
      context.TryCancel();
    });
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(120);
  while (stalled < kStreams && absl::Now() < deadline) std::this_thread::yield();
  EXPECT_EQ(stalled, kStreams);
  EXPECT_EQ(finished, 0) << "flow control lets hosts push more than the store promises to hold";
  blocked.reset();
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
