// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <grpcpp/server_builder.h>

#include <nlohmann/json.hpp>

#include "marrow/v1/host.grpc.pb.h"
#include "tests/unit/server/cli/cli_fixture.h"

namespace marrow::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Cli = CliTest;

TEST_F(Cli, ExplainsItself) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"dumps", "list", "--help"}}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.code, ExitCode::kOk);
    EXPECT_THAT(outcome.out, HasSubstr("Exit codes:\n  0  done\n"));
  }
}

TEST_F(Cli, PrintsItsVersion) { EXPECT_THAT(Run({"--version"}).out, StartsWith("marrow ")); }

TEST_F(Cli, ReportsWrongUsageOnOneLine) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"dumps"}, {"dumps", "shw"}, {"dumps", "show"}, {"--nosuch"}}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.code, ExitCode::kUsage);
    EXPECT_THAT(outcome.err, StartsWith("marrow: "));
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1);
  }
}

TEST_F(Cli, SaysWhenTheStoreIsNotThere) {
  const Outcome outcome = Run({"dumps", "list", "--store", "unix:" + Path("nosuch")});
  EXPECT_EQ(outcome.code, ExitCode::kUnavailable);
  EXPECT_THAT(outcome.err, HasSubstr("cannot reach the store at unix:" + Path("nosuch")));
  EXPECT_THAT(outcome.err, HasSubstr("MARROW_STORE"));
}

class FakeHost final : public v1::HostControl::Service {
 public:
  explicit FakeHost(const std::string& socket) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeHost() override { server_->Shutdown(); }

 private:
  grpc::Status ListVms(grpc::ServerContext*, const v1::ListVmsRequest*,
                       v1::ListVmsResponse* response) override {
    v1::WatchedVm& vm = *response->add_vms();
    vm.set_name("web1");
    vm.set_status(v1::VM_STATUS_WATCHING);
    vm.set_ram_bytes(std::uint64_t{1} << 30);
    vm.set_regions(41);
    vm.set_heartbeats(9);
    vm.set_agent_alive(true);
    vm.set_captures(1);
    vm.set_last_dump_id(kFirstId);
    vm.mutable_last_capture_time()->set_seconds(1'800'000'000);
    response->add_vms()->set_name("db");
    response->set_spool_entries(2);
    response->set_spool_bytes(3 << 20);
    return grpc::Status::OK;
  }
  grpc::Status Capture(grpc::ServerContext*, const v1::CaptureRequest* request,
                       v1::CaptureResponse* response) override {
    if (request->vm() != "web1") return {grpc::StatusCode::NOT_FOUND, "no VM " + request->vm()};
    response->set_dump_id(kFirstId);
    response->set_core_bytes(3 << 20);
    response->mutable_manifest()->set_trigger_detail(request->detail());
    response->mutable_manifest()->add_missing();
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
};

class HostCommands : public CliTest {
 protected:
  HostCommands() { variables_["MARROW_CONTROL"] = Path("control.sock"); }
  FakeHost host_{Path("control.sock")};
};

TEST_F(HostCommands, VmsPrintsATable) {
  EXPECT_EQ(
      Run({"vms"}).out,
      "VM    STATUS    AGENT        MEMORY  REGIONS  CAPTURES  LAST DUMP                   LAST "
      "CAPTURE (UTC)   DETAIL\n"
      "web1  watching  alive       1.0 GiB       41         1  01jd0000000000000000000001  "
      "2027-01-15 08:00:00\n"
      "db              never seen                 0         0\n"
      "2 dumps, 3.0 MiB, wait in the spool\n");
}

TEST_F(HostCommands, VmsPrintsJson) {
  const auto json = nlohmann::json::parse(Run({"vms", "--json"}).out);
  EXPECT_EQ(json["vms"][0]["name"], "web1");
  EXPECT_EQ(json["vms"][0]["agent_alive"], true);
  EXPECT_EQ(json["vms"][0]["heartbeats"], "9");
}

TEST_F(HostCommands, CapturePrintsTheDump) {
  const Outcome outcome = Run({"capture", "web1"});
  EXPECT_EQ(outcome.code, ExitCode::kOk) << outcome.err;
  EXPECT_EQ(outcome.out, "01jd0000000000000000000001: 3.0 MiB\n");
  EXPECT_THAT(outcome.err, HasSubstr("partial: 1 things are missing"));
}

TEST_F(HostCommands, CaptureHandsOnWhy) {
  const auto json =
      nlohmann::json::parse(Run({"capture", "web1", "--detail", "slow disk", "--json"}).out);
  EXPECT_EQ(json["manifest"]["trigger_detail"], "slow disk");
}

TEST_F(HostCommands, CaptureReportsAnUnknownVm) {
  const Outcome outcome = Run({"capture", "nosuch"});
  EXPECT_EQ(outcome.code, ExitCode::kNotFound);
  EXPECT_EQ(outcome.err, "marrow: no VM nosuch\n");
}

}  // namespace
}  // namespace marrow::cli
