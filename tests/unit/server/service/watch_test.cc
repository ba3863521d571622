// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/errors/error_info.h"
#include "tests/unit/server/service/running_store.h"

namespace marrow {
namespace {

using testing::ElementsAre;

// A watch on a thread of its own. Constructed when the store has subscribed it.
class Watch {
 public:
  Watch(RunningStore& store, const std::string& filter) {
    request_.set_filter(filter);
    thread_ = std::thread([this, &store] {
      absl::Status end = store.client().WatchDumps(
          context_, request_, [this] { Change([this] { started_ = true; }); },
          [this](const v1::Dump& dump) {
            Change([&] { names_.push_back(dump.name()); });
            return absl::OkStatus();
          });
      Change([&] { end_ = end; });
    });
    EXPECT_TRUE(Await([this] { return started_; }));
  }
  ~Watch() {
    context_.TryCancel();
    thread_.join();
  }

  std::vector<std::string> AwaitNames(std::size_t count) {
    EXPECT_TRUE(Await([&] { return names_.size() >= count; }));
    return names_;
  }
  absl::Status AwaitEnd() {
    EXPECT_TRUE(Await([this] { return end_.has_value(); }));
    return end_.value_or(absl::OkStatus());
  }

 private:
  void Change(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  bool Await(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), condition);
  }

  grpc::ClientContext context_;
  v1::WatchDumpsRequest request_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  std::vector<std::string> names_;
  std::optional<absl::Status> end_;
  std::thread thread_;
};

class WatchTest : public testing::Test {
 protected:
  RunningStore store_;
  const std::string core_ = SampleCore(1, 1);
};

TEST_F(WatchTest, SeesNewDumpsInOrder) {
  ASSERT_TRUE(store_.Upload(1, core_).ok());
  Watch watch(store_, "");
  ASSERT_TRUE(store_.Upload(2, core_).ok());
  ASSERT_TRUE(store_.Upload(3, core_).ok());
  EXPECT_THAT(watch.AwaitNames(2), ElementsAre(store_.Name(2), store_.Name(3)));
}

TEST_F(WatchTest, SeesOnlyWhatTheFilterMatches) {
  Watch watch(store_, "trigger = PANIC");
  for (const int i : {1, 2, 3, 4}) ASSERT_TRUE(store_.Upload(i, core_).ok());
  EXPECT_THAT(watch.AwaitNames(2), ElementsAre(store_.Name(2), store_.Name(4)));
}

TEST_F(WatchTest, DoesNotSeeARepeatedUpload) {
  Watch watch(store_, "");
  ASSERT_TRUE(store_.Upload(1, core_).ok());
  ASSERT_TRUE(store_.Upload(1, core_).value().was_stored);
  ASSERT_TRUE(store_.Upload(2, core_).ok());
  EXPECT_THAT(watch.AwaitNames(2), ElementsAre(store_.Name(1), store_.Name(2)));
}

TEST_F(WatchTest, RefusesABadFilter) {
  grpc::ClientContext context;
  v1::WatchDumpsRequest request;
  request.set_filter("vm =");
  const absl::Status status = store_.client().WatchDumps(
      context, request, [] {}, [](const v1::Dump&) { return absl::OkStatus(); });
  EXPECT_EQ(ReasonOf(status), "FILTER_INVALID");
}

TEST_F(WatchTest, EndsWhenTheStoreShutsDown) {
  Watch watch(store_, "");
  store_.Stop();
  const absl::Status end = watch.AwaitEnd();
  EXPECT_TRUE(absl::IsUnavailable(end)) << end;
  EXPECT_EQ(ReasonOf(end), "SHUTTING_DOWN");
}

TEST_F(WatchTest, LeavesRoomForOthersWhenItGoes) {
  StoreOptions options;
  options.queries.max_watches = 1;
  RunningStore store(options);
  { const Watch watch(store, ""); }
  // The place is free when the store has noticed; refusals until then are the limit at work.
  absl::Status status;
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  bool subscribed = false;
  while (!subscribed && absl::Now() < deadline) {
    grpc::ClientContext context;
    status = store.client().WatchDumps(
        context, {}, [&context] { context.TryCancel(); },
        [](const v1::Dump&) { return absl::OkStatus(); });
    subscribed = absl::IsCancelled(status) && ReasonOf(status) != "TOO_MANY_REQUESTS";
  }
  EXPECT_TRUE(subscribed) << status;
}

}  // namespace
}  // namespace marrow
