// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_ingest_service.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/base/sha256.h"

namespace marrow {
namespace {

using Stream = grpc::ServerReaderWriter<v1::UploadResponse, v1::UploadRequest>;
using Step = FakeIngestService::Script::Step;

}  // namespace

class FakeIngestService::Service final : public v1::Ingest::Service {
 public:
  grpc::Status Upload(grpc::ServerContext* context, Stream* stream) override {
    v1::UploadRequest request;
    if (!stream->Read(&request) || !request.has_begin()) return Malformed("no Begin");
    const v1::UploadRequest::Begin begin = request.begin();
    const std::string& id = begin.manifest().dump_id();
    const std::optional<Script> script = TakeScript(id);
    if (script.has_value() && script->step == Step::kRefuse) return script->status;
    if (script.has_value() && script->step == Step::kHang) return Hang(*context);
    if (Stored(id).has_value()) return AnswerAlreadyStored(*stream, begin);

    std::string core = Partial(id);
    v1::UploadResponse response;
    response.mutable_accept()->set_offset(core.size());
    response.mutable_accept()->set_encoding(v1::ENCODING_IDENTITY);
    stream->Write(response);
    bool first = true;
    while (stream->Read(&request)) {
      if (request.has_commit()) return Commit(*stream, begin, core, script);
      if (!request.has_chunk()) return Malformed("neither Chunk nor Commit");
      if (std::exchange(first, false)) Record(request.chunk());
      if (!TakeChunk(request.chunk(), core)) return Malformed("bad chunk");
      SetPartial(id, core);
      if (script.has_value() && script->step == Step::kBreakAfter && core.size() >= script->bytes) {
        return script->status;
      }
      response.mutable_progress()->set_durable_bytes(core.size());
      stream->Write(response);
    }
    return grpc::Status(grpc::StatusCode::CANCELLED, "the host left");
  }

  void Push(Script script, const std::string& id) {
    const std::lock_guard lock(mutex_);
    scripts_.emplace_back(id, std::move(script));
  }
  std::optional<std::string> Stored(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = stored_.find(id);
    return found == stored_.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<std::string> Begins() const {
    const std::lock_guard lock(mutex_);
    return begins_;
  }
  std::vector<std::uint64_t> FirstOffsets() const {
    const std::lock_guard lock(mutex_);
    return first_offsets_;
  }
  bool WaitUntilHanging() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [this] { return hanging_ > 0; });
  }
  int bad_chunks() const {
    const std::lock_guard lock(mutex_);
    return bad_chunks_;
  }

 private:
  std::optional<Script> TakeScript(const std::string& id) {
    const std::lock_guard lock(mutex_);
    begins_.push_back(id);
    const auto found = std::find_if(scripts_.begin(), scripts_.end(), [&id](const auto& script) {
      return script.first.empty() || script.first == id;
    });
    if (found == scripts_.end()) return std::nullopt;
    Script script = std::move(found->second);
    scripts_.erase(found);
    return script;
  }

  grpc::Status Hang(grpc::ServerContext& context) {
    std::unique_lock lock(mutex_);
    ++hanging_;
    changed_.notify_all();
    while (!context.IsCancelled()) changed_.wait_for(lock, std::chrono::milliseconds(5));
    --hanging_;
    return grpc::Status::CANCELLED;
  }

  grpc::Status AnswerAlreadyStored(Stream& stream, const v1::UploadRequest::Begin& begin) {
    v1::UploadResponse response;
    v1::Dump& dump = *response.mutable_already_stored()->mutable_dump();
    dump.set_name(absl::StrCat("dumps/", begin.manifest().dump_id()));
    dump.set_core_sha256(begin.core_sha256());
    stream.Write(response);
    return grpc::Status::OK;
  }

  bool TakeChunk(const v1::UploadRequest::Chunk& chunk, std::string& core) {
    const std::lock_guard lock(mutex_);
    const bool good =
        chunk.offset() == core.size() && chunk.crc32c() == Crc32c(AsBytes(chunk.data()));
    if (good) core += chunk.data();
    if (!good) ++bad_chunks_;
    return good;
  }

  grpc::Status Commit(Stream& stream, const v1::UploadRequest::Begin& begin,
                      const std::string& core, const std::optional<Script>& script) {
    const std::string& id = begin.manifest().dump_id();
    const Sha256Digest digest = Sha256Of(AsBytes(core));
    if (script.has_value() && script->step == Step::kRefuseCommit) {
      SetPartial(id, "");
      return script->status;
    }
    if (core.size() != begin.core_bytes() ||
        AsText(digest) != absl::string_view(begin.core_sha256())) {
      SetPartial(id, "");
      return grpc::Status(grpc::StatusCode::DATA_LOSS, "the SHA-256 does not match");
    }
    v1::UploadResponse response;
    v1::Dump& dump = *response.mutable_committed()->mutable_dump();
    dump.set_name(absl::StrCat("dumps/", id));
    dump.set_core_sha256(begin.core_sha256());
    if (script.has_value() && script->step == Step::kWrongDigest) {
      dump.set_core_sha256(std::string(digest.size(), '\0'));
    } else {
      const std::lock_guard lock(mutex_);
      stored_[id] = core;
      partial_.erase(id);
    }
    stream.Write(response);
    return grpc::Status::OK;
  }

  static grpc::Status Malformed(const std::string& what) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, what);
  }
  std::string Partial(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return partial_[id];
  }
  void SetPartial(const std::string& id, const std::string& core) {
    const std::lock_guard lock(mutex_);
    partial_[id] = core;
  }
  void Record(const v1::UploadRequest::Chunk& chunk) {
    const std::lock_guard lock(mutex_);
    first_offsets_.push_back(chunk.offset());
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, Script>> scripts_;  // dump id or "", and what it meets
  std::map<std::string, std::string> stored_;
  std::map<std::string, std::string> partial_;
  std::vector<std::string> begins_;
  std::vector<std::uint64_t> first_offsets_;
  int hanging_ = 0;
  int bad_chunks_ = 0;
};

FakeIngestService::FakeIngestService() : service_(std::make_unique<Service>()) {}
FakeIngestService::~FakeIngestService() { Stop(); }

std::string FakeIngestService::Start(const std::string& address) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  if (absl::StartsWith(address, "unix:")) return address;
  return absl::StrCat("127.0.0.1:", port);
}

void FakeIngestService::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());  // cancels what runs
  server_.reset();
}

void FakeIngestService::Push(Script script, const std::string& id) {
  service_->Push(std::move(script), id);
}
std::optional<std::string> FakeIngestService::Stored(const std::string& id) const {
  return service_->Stored(id);
}
std::vector<std::string> FakeIngestService::Begins() const { return service_->Begins(); }
std::vector<std::uint64_t> FakeIngestService::FirstOffsets() const {
  return service_->FirstOffsets();
}
bool FakeIngestService::WaitUntilHanging() { return service_->WaitUntilHanging(); }
int FakeIngestService::bad_chunks() const { return service_->bad_chunks(); }

grpc::Status Busy(absl::Duration retry_after) {
  google::rpc::RetryInfo retry;
  const absl::Duration seconds = absl::Trunc(retry_after, absl::Seconds(1));
  retry.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(seconds));
  retry.mutable_retry_delay()->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(retry_after - seconds)));
  google::rpc::Status details;
  details.set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
  details.set_message("too many uploads");
  details.add_details()->PackFrom(retry);
  return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, details.message(),
                      details.SerializeAsString());
}

}  // namespace marrow
