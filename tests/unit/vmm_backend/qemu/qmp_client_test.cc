// SPDX-License-Identifier: Apache-2.0
// A scripted QEMU: a thread at the other end of a unix socket.
#include "vmm_backend/qemu/qmp_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class FakeQemu {
 public:
  // `answer` maps a command line from the client to what is sent back; "" closes the connection.
  FakeQemu(std::string greeting, std::function<std::string(const std::string&)> answer) {
    std::string pattern = testing::TempDir() + "marrow-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof(address.sun_path) - 1);
    listener_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0));
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::thread([this, greeting = std::move(greeting), answer = std::move(answer)] {
      Serve(greeting, answer);
    });
  }
  ~FakeQemu() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    std::filesystem::remove_all(directory_);
  }
  std::string path() const { return directory_ + "/qmp"; }

 private:
  void Serve(const std::string& greeting,
             const std::function<std::string(const std::string&)>& answer) {
    const UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
    if (!connection.ok()) return;
    (void)!::write(connection.get(), greeting.data(), greeting.size());
    std::string line;
    char byte = 0;
    while (::read(connection.get(), &byte, 1) == 1) {
      line += byte;
      if (byte != '\n') continue;
      const std::string reply = answer(line);
      if (reply.empty()) return;
      (void)!::send(connection.get(), reply.data(), reply.size(), MSG_NOSIGNAL);
      line.clear();
    }
  }

  std::string directory_;
  UniqueFd listener_;
  std::thread thread_;
};

constexpr char kGreeting[] = "{\"QMP\": {}}\r\n";
constexpr char kStopEvent[] = "{\"event\": \"STOP\", \"timestamp\": {}}\r\n";

std::string Id(const std::string& command) {
  const std::size_t at = command.find("\"id\":") + 5;
  return command.substr(at, command.find_first_of(",}", at) - at);
}

std::string Ok(const std::string& command, const std::string& value = "{}") {
  return "{\"return\": " + value + ", \"id\": " + Id(command) + "}\r\n";
}

absl::StatusOr<std::unique_ptr<QmpClient>> Connect(const FakeQemu& qemu,
                                                   absl::Duration timeout = absl::Seconds(10)) {
  return QmpClient::Connect(qemu.path(), timeout);
}

TEST(QmpClient, ExecutesCommands) {
  const FakeQemu qemu(kGreeting, [](const std::string& line) {
    return Ok(line, line.find("human") != std::string::npos ? "\"text\\r\\n\"" : "{\"a\": 1}");
  });
  const auto client = Connect(qemu);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ(*(*client)->Execute("query-status"), "{\"a\":1}");
  EXPECT_EQ(*(*client)->ExecuteHuman("info x"), "text\r\n");
}

TEST(QmpClient, KeepsEventsThatComeBetween) {
  const FakeQemu qemu(kGreeting,
                      [](const std::string& line) { return kStopEvent + Ok(line) + kStopEvent; });
  const auto client = Connect(qemu);
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE((*client)->Execute("stop").ok());
  bool ended = false;
  std::vector<QmpEvent> events;
  while (events.size() < 4) {
    for (QmpEvent& event : (*client)->TakeEvents(ended)) events.push_back(std::move(event));
    ASSERT_FALSE(ended);
  }
  EXPECT_EQ(events[3].name, "STOP");
}

TEST(QmpClient, AwaitsAnEventThatComesAfterTheCommand) {
  const FakeQemu qemu(kGreeting, [](const std::string& line) {
    const bool reset = line.find("system_reset") != std::string::npos;
    return std::string(reset ? "" : "{\"event\": \"RESET\"}\n") + Ok(line) +
           (reset ? kStopEvent : "");
  });
  const auto client = Connect(qemu);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ(*(*client)->ExecuteAndAwait("system_reset", {"RESET", "STOP"}), "STOP");
  bool ended = false;
  EXPECT_THAT((*client)->TakeEvents(ended),
              ElementsAre(Field(&QmpEvent::name, "RESET"), Field(&QmpEvent::name, "STOP")));
}

TEST(QmpClient, GivesUpOnAnEventThatDoesNotCome) {
  const FakeQemu qemu(kGreeting, [](const std::string& line) { return Ok(line); });
  const auto client = Connect(qemu, absl::Milliseconds(200));
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->ExecuteAndAwait("system_reset", {"RESET"}).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(QmpClient, PassesOnQemusRefusal) {
  const FakeQemu qemu(kGreeting, [](const std::string& line) {
    if (line.find("qmp_capabilities") != std::string::npos) return Ok(line);
    return "{\"error\": {\"class\": \"GenericError\", \"desc\": \"not now\"}, \"id\": " + Id(line) +
           "}\n";
  });
  const auto client = Connect(qemu);
  ASSERT_TRUE(client.ok());
  const absl::Status status = (*client)->Execute("cont").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "cont: not now");
}

TEST(QmpClient, DeliversLastEventsAndThenTheEnd) {
  const FakeQemu qemu(kGreeting, [](const std::string& line) {
    return line.find("qmp_capabilities") != std::string::npos ? Ok(line) + kStopEvent : "";
  });
  const auto client = Connect(qemu);
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->Execute("quit").status().code(), absl::StatusCode::kUnavailable);
  bool ended = false;
  EXPECT_THAT((*client)->TakeEvents(ended), ElementsAre(Field(&QmpEvent::name, "STOP")));
  EXPECT_TRUE(ended);
  EXPECT_FALSE((*client)->Execute("stop").ok());
}

TEST(QmpClient, GivesUpOnAQemuThatDoesNotAnswer) {
  const FakeQemu qemu(kGreeting, [](const std::string& line) {
    return line.find("qmp_capabilities") != std::string::npos ? Ok(line) : std::string(kStopEvent);
  });
  const auto client = Connect(qemu, absl::Milliseconds(200));
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->Execute("stop").status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(QmpClient, SaysThatTheMonitorIsTaken) {
  const FakeQemu qemu("", [](const std::string&) { return ""; });
  const absl::Status status = Connect(qemu, absl::Milliseconds(100)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another client"));
}

TEST(QmpClient, RefusesWhatIsNoQmp) {
  const FakeQemu qemu("SSH-2.0-OpenSSH\r\n", [](const std::string&) { return ""; });
  EXPECT_EQ(Connect(qemu).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(QmpClient, SaysThatThereIsNoSocket) {
  EXPECT_EQ(QmpClient::Connect("/nonexistent/qmp", absl::Seconds(1)).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(QmpClient::Connect(std::string(200, 'x'), absl::Seconds(1)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace marrow
