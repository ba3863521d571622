// SPDX-License-Identifier: Apache-2.0
// A store's Dumps service in this process, over dumps in memory, that breaks and corrupts by
// script.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "marrow/v1/dumps.grpc.pb.h"

namespace marrow {

// Thread-safe. Listens on loopback from construction to destruction.
class FakeDumpsService final : private v1::Dumps::Service {
 public:
  explicit FakeDumpsService(
      std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials());
  ~FakeDumpsService() override;

  std::string address() const { return address_; }

  // Name and dump_id of `dump` follow from `id`; core_bytes and core_sha256 from `core`, of which
  // ReadMemory serves byte N as gpa and gva N.
  void Add(const std::string& id, v1::Dump dump, std::string core = "", std::string log = "");

  // The metadata of the dump `id` is `dump`, whatever that says of itself.
  void Forge(const std::string& id, const v1::Dump& dump);

  // One stream of ReadCore sends `bytes` and then fails with UNAVAILABLE.
  void BreakNextRead(std::uint64_t bytes);
  // Each ReadCore flips a bit of the byte at `offset`, before or after its CRC-32C is taken.
  enum class Corruption { kOnTheWire, kInTheStore };
  void CorruptAt(std::uint64_t offset, Corruption corruption);
  // Every call fails so; OK ends that.
  void FailWith(const absl::Status& status);

  // ListDumps answers `pages` times and then fails once with UNAVAILABLE.
  void FailListsAfter(int pages);

  // Offsets that ReadCore was asked for, in order.
  std::vector<std::uint64_t> ReadOffsets() const;
  std::vector<std::string> Names() const;

  static constexpr std::size_t kMessageBytes = 1000;
  static constexpr int kMaxPageSize = 3;  // so that tests see more than one page

 private:
  struct Stored {
    v1::Dump dump;
    std::string core;
    std::string log;
  };
  struct Flip {
    std::uint64_t offset;
    Corruption corruption;
  };

  grpc::Status GetDump(grpc::ServerContext*, const v1::GetDumpRequest*, v1::Dump*) override;
  grpc::Status ListDumps(grpc::ServerContext*, const v1::ListDumpsRequest*,
                         v1::ListDumpsResponse*) override;
  grpc::Status WatchDumps(grpc::ServerContext*, const v1::WatchDumpsRequest*,
                          grpc::ServerWriter<v1::Dump>*) override;
  grpc::Status GetLog(grpc::ServerContext*, const v1::GetLogRequest*, v1::GetLogResponse*) override;
  grpc::Status ReadCore(grpc::ServerContext*, const v1::ReadCoreRequest*,
                        grpc::ServerWriter<v1::ReadCoreResponse>*) override;
  grpc::Status ReadMemory(grpc::ServerContext*, const v1::ReadMemoryRequest*,
                          v1::ReadMemoryResponse*) override;
  grpc::Status DeleteDump(grpc::ServerContext*, const v1::DeleteDumpRequest*,
                          google::protobuf::Empty*) override;

  absl::StatusOr<Stored> Find(const std::string& name) const;
  absl::StatusOr<std::vector<v1::Dump>> Matching(const std::string& filter) const;

  mutable std::mutex mutex_;
  std::map<std::string, Stored> dumps_;  // by name
  std::optional<std::uint64_t> break_after_;
  std::optional<Flip> flip_;
  std::optional<int> pages_left_;
  absl::Status failure_;
  std::vector<std::uint64_t> read_offsets_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace marrow
