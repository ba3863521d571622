// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>

#include "tests/fakes/test_certificates.h"
#include "tests/unit/server/cli/cli_fixture.h"

namespace marrow::cli {
namespace {

using testing::HasSubstr;

// A store that takes only clients of its own authority.
class TlsTest : public CliTest {
 protected:
  TlsTest()
      : authority_(directory_.path(), "ca"),
        client_(authority_.Issue("client")),
        tls_store_(Credentials()) {
    tls_store_.Add(kFirstId, SampleDump(), "core", "log");
  }

  std::shared_ptr<grpc::ServerCredentials> Credentials() {
    const TestIdentity server = authority_.Issue("server");
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = Contents(authority_.certificate());
    options.pem_key_cert_pairs.push_back({Contents(server.key), Contents(server.certificate)});
    return grpc::SslServerCredentials(options);
  }

  Outcome List(std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--store", tls_store_.address(), "dumps", "list", "--quiet"});
    return Run(std::move(flags));
  }

  TestAuthority authority_;
  TestIdentity client_;
  FakeDumpsService tls_store_;
};

TEST_F(TlsTest, ListsWithTheRightFiles) {
  const Outcome outcome = List({"--tls-ca", authority_.certificate(), "--tls-cert",
                                client_.certificate, "--tls-key", client_.key});
  EXPECT_EQ(outcome.code, ExitCode::kOk) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr(kFirstId));
}

TEST_F(TlsTest, CannotReachTheStoreInPlaintext) {
  EXPECT_EQ(List({}).code, ExitCode::kUnavailable);
}

TEST_F(TlsTest, DoesNotTrustAnotherAuthority) {
  const TestAuthority other(directory_.path(), "other");
  EXPECT_EQ(List({"--tls-ca", other.certificate(), "--tls-cert", client_.certificate, "--tls-key",
                  client_.key})
                .code,
            ExitCode::kUnavailable);
}

TEST_F(TlsTest, NamesAFileThatIsNotThere) {
  const Outcome outcome = List({"--tls-ca", "/nonexistent.pem"});
  EXPECT_NE(outcome.code, ExitCode::kOk);
  EXPECT_THAT(outcome.err, HasSubstr("/nonexistent.pem"));
}

TEST_F(TlsTest, WantsCertificateAndKeyTogether) {
  EXPECT_THAT(List({"--tls-cert", client_.certificate}).err, HasSubstr("go together"));
}

}  // namespace
}  // namespace marrow::cli
