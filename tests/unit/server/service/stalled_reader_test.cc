// SPDX-License-Identifier: Apache-2.0
// Clients that ask for much and read slowly.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"
#include "tests/unit/server/service/raw_call.h"
#include "tests/unit/server/service/running_store.h"

namespace marrow {
namespace {

StoreOptions Options() {
  StoreOptions options;
  options.queries.max_calls = 1;
  options.queries.max_core_reads = 1;
  return options;
}

class StalledReader : public testing::Test {
 protected:
  explicit StalledReader(const StoreOptions& options = Options()) : store_(options) {}

  // Stops the store on another thread; returns when it takes no new calls, and its streams know.
  std::thread StopBehind() {
    std::thread stop([this] { store_.Stop(); });
    v1::GetDumpRequest request;
    request.set_name(store_.Name(99));
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (!absl::IsUnavailable(store_.client().GetDump(request).status())) {
      if (absl::Now() > deadline) {
        ADD_FAILURE() << "the store does not shut down";
        break;
      }
    }
    return stop;
  }
  void UploadLarge(int number) {
    const auto result = UploadDump(store_.channel(), LargeManifest(number),
                                   SpanSource(AsBytes(core_)), Sha256Of(AsBytes(core_)));
    ASSERT_TRUE(result.ok()) << result.status();
  }

  RunningStore store_;
  const std::string core_ = SampleCore(1, 1);
  std::unique_ptr<v1::Dumps::Stub> stub_ = v1::Dumps::NewStub(store_.NarrowChannel());
  grpc::ClientContext context_;
};

TEST_F(StalledReader, OfACoreIsToldToContinueLaterWhenTheStoreShutsDown) {
  const std::string core = SampleCore(1, 3000);  // 12 MiB
  ASSERT_TRUE(store_.Upload(1, core).ok());
  v1::ReadCoreRequest request;
  request.set_name(store_.Name(1));
  const auto reader = stub_->ReadCore(&context_, request);
  v1::ReadCoreResponse piece;
  ASSERT_TRUE(reader->Read(&piece));
  std::uint64_t bytes = piece.data().size();
  std::thread stop = StopBehind();
  while (reader->Read(&piece)) bytes += piece.data().size();
  stop.join();
  const absl::Status status = FromGrpc(reader->Finish());
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(ReasonOf(status), "SHUTTING_DOWN");
  EXPECT_TRUE(RetryDelayOf(status).has_value());
  EXPECT_LT(bytes, core.size());
}

TEST_F(StalledReader, OfAWatchIsToldToWatchAgainWhenTheStoreShutsDown) {
  const auto watch = stub_->WatchDumps(&context_, {});
  watch->WaitForInitialMetadata();
  for (const int i : {1, 2}) UploadLarge(i);
  std::thread stop = StopBehind();
  v1::Dump dump;
  while (watch->Read(&dump)) continue;
  stop.join();
  const absl::Status status = FromGrpc(watch->Finish());
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(ReasonOf(status), "SHUTTING_DOWN");
}

TEST_F(StalledReader, OfAWatchIsToldThatItMissedDumps) {
  const auto watch = stub_->WatchDumps(&context_, {});
  watch->WaitForInitialMetadata();
  // One is on its way, and 16 MiB may wait.
  for (int i = 0; i < 11; ++i) UploadLarge(i);
  v1::Dump dump;
  int seen = 0;
  while (watch->Read(&dump)) ++seen;
  const absl::Status status = FromGrpc(watch->Finish());
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(ReasonOf(status), "WATCH_TOO_SLOW");
  EXPECT_EQ(seen, 1);
}

class ImpatientStore : public StalledReader {
 protected:
  ImpatientStore() : StalledReader(Impatient()) {}

  static StoreOptions Impatient() {
    StoreOptions options = Options();
    options.idle_timeout = absl::Milliseconds(100);
    return options;
  }
  // Calls until there is room again; true if there was none before.
  bool AwaitRoom(const std::function<absl::Status()>& call) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    bool was_refused = false;
    absl::Status status;
    do {
      status = call();
      was_refused = was_refused || ReasonOf(status) == "TOO_MANY_REQUESTS";
    } while ((!was_refused || !status.ok()) && absl::Now() < deadline);
    EXPECT_TRUE(status.ok()) << status;
    return was_refused;
  }
};

TEST_F(ImpatientStore, TakesThePlaceOfAnAnswerThatNobodyReads) {
  UploadLarge(1);
  const auto deaf = RawCall(store_.NarrowChannel(), "/marrow.v1.Dumps/ListDumps", context_);
  ASSERT_TRUE(deaf->Write(RawMessage("")));
  deaf->WritesDone();
  EXPECT_TRUE(AwaitRoom([this] { return store_.client().ListDumps({}).status(); }));
}

TEST_F(ImpatientStore, TakesThePlaceOfACoreThatNobodyReads) {
  ASSERT_TRUE(store_.Upload(1, SampleCore(1, 3000)).ok());
  v1::ReadCoreRequest request;
  request.set_name(store_.Name(1));
  const auto deaf = stub_->ReadCore(&context_, request);
  EXPECT_TRUE(AwaitRoom([&] {
    return store_.client().ReadCore(request, [](const auto&) { return absl::OkStatus(); });
  }));
}

}  // namespace
}  // namespace marrow
