// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/qmp_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace marrow {
namespace {

// `info mtree -f` of a machine with many devices is the longest line there is: some 100 KB.
constexpr std::size_t kMostLineBytes = 16 << 20;
constexpr std::size_t kMostQueuedEvents = 4096;
// Reads in a row before the caller gets to do something else.
constexpr int kMostFills = 64;

constexpr absl::string_view kMonitorTaken =
    "another client holds this monitor; give marrowd a -qmp socket of its own";

absl::StatusOr<UniqueFd> ConnectSocket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("socket path too long: ", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  // Not blocking: QEMU accepts one client at a time, and a connect would sleep behind the first.
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return ErrnoStatus(errno, "socket");
  // SAFETY: the sockets API takes every address family through sockaddr.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError(
        absl::StrCat("connect to QMP socket ", path, ": ",
                     errno == EAGAIN ? kMonitorTaken : absl::string_view(strerror(errno))));
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<QmpClient>> QmpClient::Connect(const std::string& path,
                                                              absl::Duration timeout) {
  absl::StatusOr<UniqueFd> socket = ConnectSocket(path);
  if (!socket.ok()) return socket.status();
  std::unique_ptr<QmpClient> client(new QmpClient(*std::move(socket), timeout));
  if (absl::Status status = client->Handshake(); !status.ok()) {
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  }
  return client;
}

absl::Status QmpClient::Handshake() {
  const absl::StatusOr<QmpMessage> greeting = NextAnswer(absl::Now() + timeout_);
  if (absl::IsDeadlineExceeded(greeting.status())) {
    return absl::DeadlineExceededError(
        "no QMP greeting: another client holds this monitor; give marrowd a -qmp socket of its "
        "own");
  }
  if (!greeting.ok()) return greeting.status();
  if (!std::holds_alternative<QmpGreeting>(*greeting)) {
    return absl::InvalidArgumentError("this is not a QMP socket: no greeting");
  }
  return Execute("qmp_capabilities").status();
}

absl::Status QmpClient::Send(absl::string_view line, int passed_fd) {
  iovec data{.iov_base = const_cast<char*>(line.data()), .iov_len = line.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (passed_fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed_fd, sizeof(int));
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // Commands are short: a socket that does not take one at once is not read by anybody.
  if (sent != static_cast<ssize_t>(line.size())) {
    ended_ = true;
    return absl::UnavailableError("the QMP connection is gone");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> QmpClient::Execute(absl::string_view command,
                                               absl::string_view arguments, int passed_fd) {
  const std::uint64_t id = ++last_id_;
  if (absl::Status status = Send(QmpCommand(id, command, arguments), passed_fd); !status.ok()) {
    return status;
  }
  const absl::Time deadline = absl::Now() + timeout_;
  while (true) {
    absl::StatusOr<QmpMessage> answer = NextAnswer(deadline);
    if (!answer.ok()) {
      return absl::Status(answer.status().code(),
                          absl::StrCat(command, ": ", answer.status().message()));
    }
    if (auto* result = std::get_if<QmpReturn>(&*answer); result != nullptr && result->id == id) {
      return std::move(result->value);
    }
    if (auto* error = std::get_if<QmpError>(&*answer); error != nullptr && error->id == id) {
      return absl::FailedPreconditionError(absl::StrCat(command, ": ", error->description));
    }
  }
}

absl::StatusOr<std::string> QmpClient::ExecuteAndAwait(
    absl::string_view command, std::initializer_list<absl::string_view> events) {
  std::size_t seen = events_.size();
  const auto result = Execute(command);
  if (!result.ok()) return result.status();
  const absl::Time deadline = absl::Now() + timeout_;
  while (true) {
    QueueEvents();
    for (; seen < events_.size(); ++seen) {
      const std::string& name = events_[seen].name;
      if (std::find(events.begin(), events.end(), name) != events.end()) return name;
    }
    const absl::StatusOr<bool> filled = Fill(deadline);
    if (!filled.ok()) return filled.status();
    if (!*filled) {
      return absl::DeadlineExceededError(absl::StrCat(command, ": QEMU did not report it done"));
    }
  }
}

absl::StatusOr<std::string> QmpClient::ExecuteHuman(absl::string_view command_line) {
  const auto result = Execute("human-monitor-command", HumanCommandArguments(command_line));
  if (!result.ok()) return result.status();
  return JsonString(*result);
}

void QmpClient::Queue(QmpEvent event) {
  if (events_.size() < kMostQueuedEvents) events_.push_back(std::move(event));
}

void QmpClient::QueueEvents() {
  std::string line;
  while (TakeLine(line)) {
    absl::StatusOr<QmpMessage> message = ParseQmpMessage(line);
    // An answer nobody waits for any more (its command timed out) and noise are of no interest.
    if (!message.ok()) continue;
    if (auto* event = std::get_if<QmpEvent>(&*message)) Queue(std::move(*event));
  }
}

absl::StatusOr<QmpMessage> QmpClient::NextAnswer(absl::Time deadline) {
  std::string line;
  while (true) {
    while (TakeLine(line)) {
      absl::StatusOr<QmpMessage> message = ParseQmpMessage(line);
      if (!message.ok()) return message.status();
      auto* event = std::get_if<QmpEvent>(&*message);
      if (event == nullptr) return message;
      Queue(std::move(*event));
    }
    const absl::StatusOr<bool> filled = Fill(deadline);
    if (!filled.ok()) return filled.status();
    if (!*filled) return absl::DeadlineExceededError("QEMU does not answer");
  }
}

absl::StatusOr<bool> QmpClient::Fill(absl::Time deadline) {
  if (ended_) return absl::UnavailableError("the QMP connection is gone");
  if (buffer_.size() > kMostLineBytes) {
    ended_ = true;
    return absl::InvalidArgumentError("endless QMP line");
  }
  const auto wait_ms = std::clamp<std::int64_t>(
      absl::ToInt64Milliseconds(absl::Ceil(deadline - absl::Now(), absl::Milliseconds(1))), 0,
      1 << 30);
  pollfd entry{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(wait_ms));
  if (ready < 0 && errno == EINTR) return true;
  if (ready < 0) {
    ended_ = true;
    return ErrnoStatus(errno, "poll");
  }
  if (ready == 0) return false;
  std::array<char, 65536> bytes;
  const ssize_t n = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (n <= 0) {
    ended_ = true;
    return absl::UnavailableError("the QMP connection is gone");
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(n));
  return true;
}

bool QmpClient::TakeLine(std::string& line) {
  const std::size_t end = buffer_.find('\n');
  if (end == std::string::npos) return false;
  line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return true;
}

std::vector<QmpEvent> QmpClient::TakeEvents(bool& ended) {
  QueueEvents();
  for (int fills = 0; fills < kMostFills; ++fills) {
    const absl::StatusOr<bool> filled = Fill(absl::InfinitePast());
    if (!filled.ok() || !*filled) break;
    QueueEvents();
  }
  ended = ended_;
  std::vector<QmpEvent> events(std::make_move_iterator(events_.begin()),
                               std::make_move_iterator(events_.end()));
  events_.clear();
  return events;
}

}  // namespace marrow
