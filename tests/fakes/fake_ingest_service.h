// SPDX-License-Identifier: Apache-2.0
// A store's Ingest service in this process, that keeps dumps in memory and misbehaves by script.
#pragma once

#include <grpcpp/server.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "marrow/v1/ingest.grpc.pb.h"

namespace marrow {

// Thread-safe. Holds dumps across Stop() and Start(), as a store does.
class FakeIngestService {
 public:
  // What one upload meets. Without a script an upload succeeds.
  struct Script {
    enum class Step {
      kRefuse,        // `status` instead of an answer to Begin
      kBreakAfter,    // `status` once `bytes` are durable in this stream
      kRefuseCommit,  // `status` instead of Committed; the bytes are dropped
      kHang,          // reads Begin and answers nothing until the caller leaves
      kWrongDigest,   // acknowledges other bytes than it got
    };
    Step step = Step::kRefuse;
    grpc::Status status;
    std::uint64_t bytes = 0;
  };

  FakeIngestService();
  ~FakeIngestService();

  // Listens; "unix:<path>" or "127.0.0.1:0". Returns the address to connect to.
  std::string Start(const std::string& address);
  void Stop();

  // The next upload (of dump `id`, where one is given) follows the script.
  void Push(Script script, const std::string& id = "");

  // The core of a committed dump.
  std::optional<std::string> Stored(const std::string& id) const;
  // The ids of Begin messages, in order.
  std::vector<std::string> Begins() const;
  // Offset of the first chunk of each upload that sent one.
  std::vector<std::uint64_t> FirstOffsets() const;
  // Waits, at most half a minute, until an upload hangs; false if none does.
  bool WaitUntilHanging();
  // Chunks whose CRC-32C or offset was wrong.
  int bad_chunks() const;

 private:
  class Service;

  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

// RESOURCE_EXHAUSTED that asks to wait.
grpc::Status Busy(absl::Duration retry_after);

}  // namespace marrow
