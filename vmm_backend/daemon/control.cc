// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/control.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "marrow/v1/host.grpc.pb.h"
#include "vmm_backend/daemon/capture_queue.h"
#include "vmm_backend/daemon/config_values.h"
#include "vmm_backend/daemon/grpc_status.h"
#include "vmm_backend/posix/fd.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {
namespace {

constexpr std::size_t kMaxWaitingCaptures = 64;
constexpr std::chrono::seconds kShutdownGrace{1};

grpc::Status CaptureStatus(const absl::Status& status) {
  return ToGrpcStatus(status, "CAPTURE_FAILED");
}

class ControlService final : public v1::HostControl::CallbackService {
 public:
  explicit ControlService(HostView& view) : view_(view), captures_(kMaxWaitingCaptures) {}

  grpc::ServerUnaryReactor* ListVms(grpc::CallbackServerContext* context,
                                    const v1::ListVmsRequest* /*request*/,
                                    v1::ListVmsResponse* response) override {
    for (v1::WatchedVm& vm : view_.Vms()) *response->add_vms() = std::move(vm);
    const SpoolStats spool = view_.Spool();
    response->set_spool_entries(spool.entries);
    response->set_spool_bytes(spool.bytes);
    response->set_quarantined_entries(spool.quarantined_entries);
    response->set_refused_dumps(spool.refused);
    const UploadStats uploads = view_.Uploads();
    response->set_acknowledged_dumps(uploads.acknowledged);
    response->set_last_upload_error(uploads.last_error);
    return Finish(context, grpc::Status::OK);
  }

  grpc::ServerUnaryReactor* Capture(grpc::CallbackServerContext* context,
                                    const v1::CaptureRequest* request,
                                    v1::CaptureResponse* response) override {
    if (absl::Status status = CheckVm(request->vm()); !status.ok()) {
      return Finish(context, ToGrpcStatus(status, "VM_NOT_FOUND"));
    }
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    // gRPC keeps request and response until the reactor finishes.
    const bool queued = captures_.Add([this, request, response, reactor](CaptureQueue::Fate fate) {
      reactor->Finish(CaptureNow(fate, *request, *response));
    });
    if (!queued) {
      reactor->Finish(ToGrpcStatus(
          absl::ResourceExhaustedError(absl::StrCat(
              kMaxWaitingCaptures, " captures wait for their turn already; try again later")),
          "TOO_MANY_CAPTURES"));
    }
    return reactor;
  }

  void StopCaptures() { captures_.Stop(); }

 private:
  static grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                          const grpc::Status& status) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

  absl::Status CheckVm(const std::string& name) {
    std::vector<std::string> names;
    for (const v1::WatchedVm& vm : view_.Vms()) {
      if (vm.name() == name) return absl::OkStatus();
      names.push_back(vm.name());
    }
    return absl::NotFoundError(absl::StrCat("no VM \"", name, "\" is watched here; these are: ",
                                            names.empty() ? "none" : absl::StrJoin(names, ", ")));
  }

  grpc::Status CaptureNow(CaptureQueue::Fate fate, const v1::CaptureRequest& request,
                          v1::CaptureResponse& response) {
    if (fate == CaptureQueue::Fate::kTurnedDown) {
      return CaptureStatus(absl::UnavailableError("marrowd is ending"));
    }
    absl::StatusOr<v1::CaptureResponse> captured = view_.Capture(request.vm(), request.detail());
    if (!captured.ok()) return CaptureStatus(captured.status());
    response = *std::move(captured);
    return grpc::Status::OK;
  }

  HostView& view_;
  CaptureQueue captures_;
};

class UnixControlServer final : public ControlServer {
 public:
  explicit UnixControlServer(HostView& view) : service_(std::make_unique<ControlService>(view)) {}

  ~UnixControlServer() override {
    if (server_ == nullptr) return;
    // First the captures, whose calls Shutdown waits for.
    service_->StopCaptures();
    server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  }

  absl::Status Listen(const std::string& socket_path) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("unix:", socket_path), grpc::InsecureServerCredentials());
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      return absl::UnavailableError(absl::StrCat("gRPC cannot listen on ", socket_path));
    }
    if (::chmod(socket_path.c_str(), 0600) != 0) {
      return ErrnoStatus(errno, absl::StrCat("chmod ", socket_path));
    }
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<ControlService> service_;  // outlives server_
  std::unique_ptr<grpc::Server> server_;
};

// OK if a server may bind to the path: nothing is there, or a socket that nobody listens on.
absl::Status CheckSocketIsFree(const std::string& path) {
  const std::string folder = ParentDirectory(path);
  if (::access(folder.c_str(), W_OK) != 0) {
    return ErrnoStatus(errno, absl::StrCat("cannot make socket ", path, ": folder ", folder));
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, absl::StrCat("stat ", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists and is not a socket: remove it or name another path"));
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());  // ParseSocketPath: it fits
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.ok()) return ErrnoStatus(errno, "socket");
  // SAFETY: sockaddr_un is made to be passed as sockaddr.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
      errno == EAGAIN) {  // its backlog is full
    return absl::AlreadyExistsError(
        absl::StrCat("another process serves ", path, ": end it or name another path"));
  }
  return errno == ECONNREFUSED ? absl::OkStatus()
                               : ErrnoStatus(errno, absl::StrCat("connect ", path));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(
    HostView& view, const std::string& socket_path) {
  absl::Status status = ParseSocketPath(socket_path).status();
  if (status.ok()) status = CheckSocketIsFree(socket_path);
  auto server = std::make_unique<UnixControlServer>(view);
  if (status.ok()) status = server->Listen(socket_path);
  if (!status.ok()) return status;
  return server;
}

}  // namespace marrow
