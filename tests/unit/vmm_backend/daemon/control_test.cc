// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/control.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "marrow/v1/host.grpc.pb.h"
#include "vmm_backend/posix/fd.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {
namespace {

using testing::HasSubstr;

// Watches "web-1" and "web-2"; captures of "web-2" take until they are let go.
class FakeHost final : public HostView {
 public:
  std::vector<v1::WatchedVm> Vms() override {
    std::vector<v1::WatchedVm> vms(2);
    vms[0].set_name("web-1");
    vms[1].set_name("web-2");
    return vms;
  }
  absl::StatusOr<v1::CaptureResponse> Capture(const std::string& vm,
                                              const std::string& detail) override {
    std::unique_lock lock(mutex_);
    ++captures_;
    changed_.notify_all();
    if (vm == "web-2") changed_.wait(lock, [this] { return let_go_; });
    if (detail == "fail") return absl::FailedPreconditionError("the VM is gone");
    v1::CaptureResponse response;
    response.set_dump_id(absl::StrCat("dump of ", vm, " for ", detail));
    return response;
  }
  SpoolStats Spool() override { return {3, 4096, 2, 100, 1}; }
  UploadStats Uploads() override { return {5, 6, 7, "store is down"}; }

  bool WaitForCapture() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [this] { return captures_ > 0; });
  }
  void LetGo() {
    const std::lock_guard lock(mutex_);
    let_go_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int captures_ = 0;
  bool let_go_ = false;
};

class ControlTest : public testing::Test {
 protected:
  ControlTest() {
    std::string name = testing::TempDir() + "/controlXXXXXX";
    directory_ = ::mkdtemp(name.data());
    path_ = directory_ + "/marrowd.sock";
  }
  ~ControlTest() override {
    server_.reset();
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  void Start() {
    auto server = ControlServer::Start(host_, path_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  // A client on a connection of its own.
  std::unique_ptr<v1::HostControl::Stub> Client() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return v1::HostControl::NewStub(grpc::CreateCustomChannel(
        absl::StrCat("unix:", path_), grpc::InsecureChannelCredentials(), arguments));
  }
  grpc::Status Capture(const std::string& vm, const std::string& detail,
                       v1::CaptureResponse* response) const {
    grpc::ClientContext context;
    v1::CaptureRequest request;
    request.set_vm(vm);
    request.set_detail(detail);
    return Client()->Capture(&context, request, response);
  }
  v1::ListVmsResponse ListVms() const {
    grpc::ClientContext context;
    v1::ListVmsResponse response;
    const grpc::Status status = Client()->ListVms(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  FakeHost host_;
  std::string directory_;
  std::string path_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlTest, ListsVmsSpoolAndUploads) {
  Start();
  const v1::ListVmsResponse response = ListVms();
  ASSERT_EQ(response.vms_size(), 2);
  EXPECT_EQ(response.vms(0).name(), "web-1");
  EXPECT_EQ(response.spool_entries(), 3U);
  EXPECT_EQ(response.spool_bytes(), 4096U);
  EXPECT_EQ(response.quarantined_entries(), 2U);
  EXPECT_EQ(response.refused_dumps(), 1U);
  EXPECT_EQ(response.acknowledged_dumps(), 5U);
  EXPECT_EQ(response.last_upload_error(), "store is down");
}

TEST_F(ControlTest, Captures) {
  Start();
  v1::CaptureResponse response;
  const grpc::Status status = Capture("web-1", "why", &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.dump_id(), "dump of web-1 for why");
}

TEST_F(ControlTest, UnknownVmIsNotFoundAndTheKnownOnesAreNamed) {
  Start();
  v1::CaptureResponse response;
  const grpc::Status status = Capture("web-3", "", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("web-1, web-2"));
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.ParseFromString(status.error_details()) && details.details_size() == 1 &&
              details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "VM_NOT_FOUND");
  EXPECT_EQ(info.domain(), "marrow.dev");
}

TEST_F(ControlTest, FailedCaptureKeepsItsStatus) {
  Start();
  v1::CaptureResponse response;
  const grpc::Status status = Capture("web-1", "fail", &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "the VM is gone");
}

TEST_F(ControlTest, ListsWhileACaptureRuns) {
  Start();
  std::jthread caller([this] {
    v1::CaptureResponse response;
    EXPECT_TRUE(Capture("web-2", "", &response).ok());
  });
  ASSERT_TRUE(host_.WaitForCapture());
  EXPECT_EQ(ListVms().vms_size(), 2);
  host_.LetGo();
}

TEST_F(ControlTest, EndingLetsTheRunningCaptureFinish) {
  Start();
  grpc::Status status;
  std::jthread caller([this, &status] {
    v1::CaptureResponse response;
    status = Capture("web-2", "", &response);
  });
  ASSERT_TRUE(host_.WaitForCapture());
  std::jthread ending([this] { server_.reset(); });
  host_.LetGo();
  caller.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(ControlTest, SocketIsForItsOwnerOnly) {
  Start();
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(ControlTest, ReplacesASocketThatNobodyListensOn) {
  {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    // SAFETY: sockaddr_un is made to be passed as sockaddr.
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  Start();
  EXPECT_EQ(ListVms().vms_size(), 2);
}

TEST_F(ControlTest, LeavesTheSocketOfAnotherDaemonAlone) {
  Start();
  FakeHost other;
  EXPECT_TRUE(absl::IsAlreadyExists(ControlServer::Start(other, path_).status()));
  EXPECT_EQ(ListVms().vms_size(), 2);
}

TEST_F(ControlTest, LeavesAFileThatIsNoSocketAlone) {
  const auto files = MakePosixFileSystem();
  ASSERT_TRUE(WriteFileDurably(*files, path_, AsBytes("mine")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(ControlServer::Start(host_, path_).status()));
  EXPECT_EQ(*ReadWholeFile(*files, path_, 100), "mine");
}

TEST_F(ControlTest, MissingFolderIsAnErrorThatNamesThePath) {
  const std::string path = directory_ + "/missing/marrowd.sock";
  EXPECT_THAT(std::string(ControlServer::Start(host_, path).status().message()), HasSubstr(path));
}

TEST_F(ControlTest, RemovesItsSocket) {
  Start();
  server_.reset();
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace marrow
