// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "vmm_backend/posix/fd.h"
#include "vmm_backend/qemu/qmp_message.h"

namespace marrow {

// A QMP connection over a unix socket. Not thread-safe. Every call is bounded by the time-out:
// DeadlineExceeded when QEMU does not answer, whose late answer is then dropped; Unavailable when
// the connection is gone, and with it the client's use.
class QmpClient {
 public:
  static absl::StatusOr<std::unique_ptr<QmpClient>> Connect(const std::string& path,
                                                            absl::Duration timeout);

  // Readable when events may have come, or the connection ended.
  int fd() const { return socket_.get(); }

  // Runs a command and returns the JSON text of its result. FailedPrecondition with QEMU's own
  // words if it refuses. `passed_fd` is sent along (SCM_RIGHTS) where it is not -1.
  absl::StatusOr<std::string> Execute(absl::string_view command, absl::string_view arguments = "",
                                      int passed_fd = -1);
  // Runs a command and waits for the first of `events` that comes after it was sent; its name. The
  // event is still delivered by TakeEvents.
  absl::StatusOr<std::string> ExecuteAndAwait(absl::string_view command,
                                              std::initializer_list<absl::string_view> events);
  // What the human monitor prints for the command.
  absl::StatusOr<std::string> ExecuteHuman(absl::string_view command_line);

  // All events that came so far, without waiting. `ended` is set once the connection is gone;
  // events that came before are still delivered.
  std::vector<QmpEvent> TakeEvents(bool& ended);

 private:
  QmpClient(UniqueFd socket, absl::Duration timeout)
      : socket_(std::move(socket)), timeout_(timeout) {}
  absl::Status Handshake();
  absl::Status Send(absl::string_view line, int passed_fd);
  void Queue(QmpEvent event);
  // Queues the events among the whole lines in the buffer and drops the rest.
  void QueueEvents();
  // The next message that is not an event; events on the way are queued.
  absl::StatusOr<QmpMessage> NextAnswer(absl::Time deadline);
  // Waits until `deadline` for bytes; false at the time-out. After an error the connection has
  // ended.
  absl::StatusOr<bool> Fill(absl::Time deadline);
  // Takes a whole line off the buffer; false if there is none yet.
  bool TakeLine(std::string& line);

  UniqueFd socket_;
  absl::Duration timeout_;
  std::string buffer_;
  std::deque<QmpEvent> events_;
  std::uint64_t last_id_ = 0;
  bool ended_ = false;
};

}  // namespace marrow
