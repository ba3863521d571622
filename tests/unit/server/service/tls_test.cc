// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "server/client/channel.h"
#include "server/client/store_client.h"
#include "server/service/store_server.h"
#include "tests/fakes/temporary_directory.h"
#include "tests/fakes/test_certificates.h"

namespace marrow {
namespace {

class Tls : public testing::Test {
 protected:
  void SetUp() override {
    const TestIdentity own = authority_.Issue("store");
    StoreOptions options;
    options.data_directory = directory_.Path("data");
    options.listen = "127.0.0.1:0";
    options.tls = {own.certificate, own.key, authority_.certificate()};
    auto server = StoreServer::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  absl::Status Ask(const ClientTls& tls) {
    const std::string port = server_->address().substr(server_->address().rfind(':'));
    const auto channel = OpenChannel("127.0.0.1" + port, tls);
    if (!channel.ok()) return channel.status();
    return StoreClient(*channel).ListDumps({}).status();
  }

  TemporaryDirectory directory_;
  TestAuthority authority_{directory_.path(), "authority"};
  std::unique_ptr<StoreServer> server_;
};

TEST_F(Tls, ServesClientsOfItsAuthority) {
  const TestIdentity client = authority_.Issue("client");
  const absl::Status status = Ask({authority_.certificate(), client.certificate, client.key});
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(Tls, RefusesClientsWithoutACertificate) {
  EXPECT_TRUE(absl::IsUnavailable(Ask({authority_.certificate(), "", ""})));
}

TEST_F(Tls, RefusesClientsOfAnotherAuthority) {
  const TestAuthority other(directory_.path(), "other");
  const TestIdentity client = other.Issue("stranger");
  EXPECT_TRUE(absl::IsUnavailable(Ask({authority_.certificate(), client.certificate, client.key})));
}

TEST_F(Tls, RefusesPlaintext) { EXPECT_TRUE(absl::IsUnavailable(Ask({}))); }

TEST_F(Tls, IsNotTrustedByClientsOfAnotherAuthority) {
  const TestAuthority other(directory_.path(), "other");
  const TestIdentity client = authority_.Issue("client");
  EXPECT_TRUE(absl::IsUnavailable(Ask({other.certificate(), client.certificate, client.key})));
}

}  // namespace
}  // namespace marrow
