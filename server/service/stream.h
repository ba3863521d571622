// SPDX-License-Identifier: Apache-2.0
// Streaming calls that outlast a single answer: who they are, so that stalled ones can be ended and
// all of them at shutdown.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace marrow {

class StreamRegistry;

// A call's reactor. It holds itself alive until gRPC is done with it.
//
// Rule for all of them: a mutex of its own guards a reactor's phase, and every operation of gRPC is
// started under it. An operation is therefore never started after the call has ended, and gRPC
// never answers on the thread that starts one.
class Stream {
 public:
  virtual ~Stream() = default;
  // Ends the stream if it has waited for its peer since before `deadline`.
  virtual void EndIfIdle(absl::Time deadline) = 0;
  // Ends the stream soon, with ShuttingDown: at once if it waits, else after the current step.
  virtual void Drain() = 0;
};

// Unavailable, reason SHUTTING_DOWN, with a delay: the peer continues where the stream ended.
absl::Status ShuttingDown();

// Thread-safe.
class StreamRegistry {
 public:
  // `limit`: streams at the same time.
  explicit StreamRegistry(std::size_t limit) : limit_(limit) {}
  // Waits until every stream is gone.
  ~StreamRegistry();

  // Room for one stream, kept until the ticket goes.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept = delete;
    ~Ticket();
    bool ok() const { return registry_ != nullptr; }

   private:
    friend class StreamRegistry;
    Ticket(StreamRegistry& registry, std::size_t number) : registry_(&registry), number_(number) {}
    StreamRegistry* registry_ = nullptr;
    std::size_t number_ = 0;
  };

  // Not ok() if `limit` streams have one or Drain was called.
  Ticket Admit();
  void Enter(const Ticket& ticket, std::weak_ptr<Stream> stream);

  std::size_t count() const;
  bool draining() const;
  void EndIdle(absl::Time deadline);
  void Drain();

 private:
  std::vector<std::shared_ptr<Stream>> Streams() const;

  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable left_;
  std::map<std::size_t, std::weak_ptr<Stream>> streams_;
  std::size_t next_number_ = 1;
  bool draining_ = false;
};

}  // namespace marrow
