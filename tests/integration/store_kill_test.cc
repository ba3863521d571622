// SPDX-License-Identifier: Apache-2.0
// A real marrow-store is killed with SIGKILL again and again while hosts upload. Whatever the
// moment: what was acknowledged is there, nothing half is visible, uploads resume, leftovers go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "server/client/channel.h"
#include "server/client/store_client.h"
#include "server/client/upload_stream_client.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/integration/store_process.h"

namespace marrow {
namespace {

constexpr int kRounds = 15;
constexpr int kHosts = 3;
constexpr int kDumpsPerHost = 4;
constexpr std::uint64_t kChunkBytes = 256 << 10;

// From one page to 9 MiB, so that there are uploads with and without checkpoints.
std::string CoreOf(int number) {
  constexpr std::size_t kPages[] = {1, 40, 300, 1100, 2300};
  return SampleCore(static_cast<std::uint64_t>(number), kPages[number % 5]);
}

// Uploads until the store dies. Each step of each upload counts, so that kills can be aimed.
class Hosts {
 public:
  explicit Hosts(int first_number) : first_number_(first_number) {}

  // Runs all hosts; `at_step` is told how many steps were taken.
  void Run(const std::string& address, const std::function<void(std::uint64_t)>& at_step) {
    std::vector<std::thread> threads;
    for (int host = 0; host < kHosts; ++host) {
      threads.emplace_back([&, host] {
        const auto channel = OpenChannel(address);
        for (int i = 0; i < kDumpsPerHost; ++i) {
          const int number = first_number_ + host * kDumpsPerHost + i;
          if (!UploadOne(*channel, number, at_step)) return;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  const std::set<int>& committed() const { return committed_; }
  // Bytes of unfinished uploads that the store acknowledged.
  const std::map<int, std::uint64_t>& durable() const { return durable_; }

 private:
  // Per stream one chunk in two is followed by reading what the store has acknowledged.
  bool UploadOne(const std::shared_ptr<grpc::Channel>& channel, int number,
                 const std::function<void(std::uint64_t)>& at_step) {
    const std::string core = CoreOf(number);
    UploadStreamClient stream(channel);
    at_step(++steps_);
    const auto answer = stream.Begin(SampleManifest(number), core.size(), Sha256Of(AsBytes(core)));
    if (!answer.ok()) return false;
    std::uint64_t offset = answer->has_accept() ? answer->accept().offset() : core.size();
    EXPECT_GE(offset, DurableBytes(number)) << "acknowledged bytes are lost";
    bool stored = answer->has_already_stored();
    while (!stored && offset < core.size()) {
      at_step(++steps_);
      const auto piece =
          AsBytes(core).subspan(offset, std::min<std::uint64_t>(kChunkBytes, core.size() - offset));
      if (!stream.SendChunk(offset, piece).ok()) return false;
      offset += piece.size();
      if (offset % (4 << 20) == answer->accept().offset() % (4 << 20)) {
        const auto progress = stream.Receive();
        if (!progress.ok()) return false;
        const std::lock_guard lock(mutex_);
        durable_[number] = progress->progress().durable_bytes();
      }
    }
    at_step(++steps_);
    stored = stored || stream.Commit().ok();
    const std::lock_guard lock(mutex_);
    if (stored) committed_.insert(number);
    return stored;
  }

  std::uint64_t DurableBytes(int number) {
    const std::lock_guard lock(mutex_);
    return durable_[number];
  }

  const int first_number_;
  std::atomic<std::uint64_t> steps_ = 0;
  std::mutex mutex_;
  std::set<int> committed_;
  std::map<int, std::uint64_t> durable_;
};

absl::StatusOr<std::string> FetchCore(StoreClient& client, int number) {
  v1::ReadCoreRequest request;
  request.set_name("dumps/" + SampleId(number));
  std::string core;
  absl::Status status = client.ReadCore(request, [&core](const std::string& piece) {
    core += piece;
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return core;
}

// Files under `directory` whose names end in one of `suffixes`.
std::vector<std::string> FilesEnding(const std::string& directory,
                                     std::initializer_list<const char*> suffixes) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    for (const char* suffix : suffixes) {
      if (name.ends_with(suffix)) found.push_back(name);
    }
  }
  return found;
}

class StoreKill : public testing::Test {
 protected:
  std::unique_ptr<StoreProcess> StartStore() {
    auto process = StoreProcess::Start(directory_.path());
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  // Every dump that was acknowledged is whole, and so is every other that is visible.
  void CheckDumps(const std::string& address, int first_number, const std::set<int>& committed) {
    StoreClient client(*OpenChannel(address));
    for (int number = first_number; number < first_number + kHosts * kDumpsPerHost; ++number) {
      const auto core = FetchCore(client, number);
      if (!core.ok() && absl::IsNotFound(core.status())) {
        EXPECT_FALSE(committed.contains(number)) << "acknowledged dump is lost";
        continue;
      }
      ASSERT_TRUE(core.ok()) << core.status();
      EXPECT_TRUE(*core == CoreOf(number)) << "dump " << number << " is not what was sent";
    }
  }

  TemporaryDirectory directory_;
};

TEST_F(StoreKill, LosesNothingAcknowledgedAtAnyPoint) {
  std::mt19937 random(20261123);
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(testing::Message() << "round " << round);
    const int first_number = round * kHosts * kDumpsPerHost;
    Hosts hosts(first_number);
    // Three kills, each after a different number of steps, then an undisturbed end.
    for (int kill = 0; kill < 3; ++kill) {
      const auto store = StartStore();
      const std::uint64_t target = random() % 60;
      std::atomic<std::uint64_t> base = 0;
      std::once_flag once;
      hosts.Run(store->address(), [&](std::uint64_t step) {
        std::uint64_t none = 0;
        base.compare_exchange_strong(none, step);
        if (step >= base + target) std::call_once(once, [&] { store->Kill(); });
      });
    }
    const auto store = StartStore();
    CheckDumps(store->address(), first_number, hosts.committed());
    hosts.Run(store->address(), [](std::uint64_t) {});
    EXPECT_EQ(hosts.committed().size(), std::size_t{kHosts * kDumpsPerHost});
    CheckDumps(store->address(), first_number, hosts.committed());
    EXPECT_EQ(store->Terminate(), 0);
  }
  EXPECT_THAT(FilesEnding(directory_.path(), {".tmp", ".part", ".begin"}), testing::IsEmpty());
  // No two dumps have the same core: one blob for each, and no orphans.
  EXPECT_EQ(FilesEnding(directory_.path(), {".zst"}).size(),
            std::size_t{kRounds * kHosts * kDumpsPerHost});
}

TEST_F(StoreKill, LeavesADatabaseThatSqliteFindsSound) {
  Hosts hosts(0);
  {
    const auto store = StartStore();
    std::once_flag once;
    hosts.Run(store->address(), [&](std::uint64_t step) {
      if (step >= 30) std::call_once(once, [&] { store->Kill(); });
    });
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(directory_.Path("catalog.db").c_str(), &db), SQLITE_OK);
  std::string verdict;
  const auto keep = [](void* out, int, char** values, char**) {
    *static_cast<std::string*>(out) += values[0];
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(db, "PRAGMA integrity_check", keep, &verdict, nullptr), SQLITE_OK);
  sqlite3_close(db);
  EXPECT_EQ(verdict, "ok");
}

}  // namespace
}  // namespace marrow
