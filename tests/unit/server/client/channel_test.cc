// SPDX-License-Identifier: Apache-2.0
#include "server/client/channel.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "marrow/v1/dumps.grpc.pb.h"
#include "vmm_backend/posix/fd.h"

namespace marrow {
namespace {

using testing::HasSubstr;

TEST(OpenChannel, KeepsPlaintextOnThisMachine) {
  for (const char* address : {"127.0.0.1:7070", "localhost:7070", "[::1]:7070", "unix:/run/s"}) {
    EXPECT_TRUE(OpenChannel(address).ok()) << address;
  }
  for (const char* address : {"192.0.2.1:7070", "store.example:7070", "[2001:db8::1]:7070",
                              "localhost.example:7070", "0.0.0.0:7070"}) {
    const absl::Status status = OpenChannel(address).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("only over TLS; give tls-ca"));
  }
}

TEST(OpenChannel, RefusesWhatIsNoAddress) {
  for (const char* address : {"", "store", "dns:///127.0.0.1:7070", "unix-abstract:store"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(OpenChannel(address).status())) << address;
  }
}

// Takes one connection, says what HTTP/2 must say first, and then only reads: what a client sees of
// a machine that has died behind its kernel's acknowledgements.
class SilentStore {
 public:
  SilentStore() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(name);
    // SAFETY: sockaddr_in is what sockaddr stands for with AF_INET.
    auto* generic = reinterpret_cast<sockaddr*>(&name);
    EXPECT_EQ(::bind(listener_.get(), generic, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    EXPECT_EQ(::getsockname(listener_.get(), generic, &size), 0);
    port_ = ntohs(name.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~SilentStore() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  void Serve() const {
    const UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
    if (!connection.ok()) return;
    constexpr char kEmptySettings[9] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    if (::write(connection.get(), kEmptySettings, sizeof(kEmptySettings)) < 0) return;
    char buffer[4096];
    while (::read(connection.get(), buffer, sizeof(buffer)) > 0) {
    }
  }

  UniqueFd listener_;
  int port_ = 0;
  std::thread thread_;
};

TEST(OpenChannel, NoticesAStoreThatWentSilent) {
  const SilentStore store;
  const auto channel = OpenChannel(store.address(), {},
                                   {.after = absl::Milliseconds(50), .timeout = absl::Seconds(1)});
  ASSERT_TRUE(channel.ok()) << channel.status();
  const auto stub = v1::Dumps::NewStub(*channel);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(60)));
  const auto stream = stub->WatchDumps(&context, {});
  v1::Dump dump;
  EXPECT_FALSE(stream->Read(&dump));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace marrow
