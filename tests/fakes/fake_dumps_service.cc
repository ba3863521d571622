// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fake_dumps_service.h"

#include <grpcpp/server_builder.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "server/errors/grpc_status.h"
#include "server/query/filter.h"
#include "vmm_backend/base/crc32c.h"
#include "vmm_backend/base/sha256.h"

namespace marrow {

FakeDumpsService::FakeDumpsService(std::shared_ptr<grpc::ServerCredentials> credentials) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", credentials, &port);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
}

FakeDumpsService::~FakeDumpsService() { server_->Shutdown(); }

void FakeDumpsService::Add(const std::string& id, v1::Dump dump, std::string core,
                           std::string log) {
  dump.set_name(absl::StrCat("dumps/", id));
  dump.mutable_manifest()->set_dump_id(id);
  dump.set_core_bytes(core.size());
  const Sha256Digest digest = Sha256Of(AsBytes(core));
  const absl::string_view digest_text = AsText(digest);
  dump.set_core_sha256(digest_text.data(), digest_text.size());
  std::lock_guard lock(mutex_);
  dumps_[dump.name()] = {dump, std::move(core), std::move(log)};
}

void FakeDumpsService::Forge(const std::string& id, const v1::Dump& dump) {
  std::lock_guard lock(mutex_);
  dumps_[absl::StrCat("dumps/", id)].dump = dump;
}

void FakeDumpsService::BreakNextRead(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  break_after_ = bytes;
}

void FakeDumpsService::CorruptAt(std::uint64_t offset, Corruption corruption) {
  std::lock_guard lock(mutex_);
  flip_ = Flip{offset, corruption};
}

void FakeDumpsService::FailWith(const absl::Status& status) {
  std::lock_guard lock(mutex_);
  failure_ = status;
}

void FakeDumpsService::FailListsAfter(int pages) {
  std::lock_guard lock(mutex_);
  pages_left_ = pages;
}

std::vector<std::uint64_t> FakeDumpsService::ReadOffsets() const {
  std::lock_guard lock(mutex_);
  return read_offsets_;
}

std::vector<std::string> FakeDumpsService::Names() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [name, stored] : dumps_) names.push_back(name);
  return names;
}

absl::StatusOr<FakeDumpsService::Stored> FakeDumpsService::Find(const std::string& name) const {
  std::lock_guard lock(mutex_);
  if (!failure_.ok()) return failure_;
  const auto found = dumps_.find(name);
  if (found != dumps_.end()) return found->second;
  return WithReason(absl::NotFoundError(absl::StrCat("no dump ", name)), "DUMP_NOT_FOUND");
}

absl::StatusOr<std::vector<v1::Dump>> FakeDumpsService::Matching(const std::string& filter) const {
  const auto parsed = ParseFilter(filter);
  if (!parsed.ok()) return WithReason(parsed.status(), "INVALID_FILTER");
  std::lock_guard lock(mutex_);
  if (!failure_.ok()) return failure_;
  std::vector<v1::Dump> dumps;
  for (const auto& [name, stored] : dumps_) {
    if (Matches(*parsed, stored.dump)) dumps.push_back(stored.dump);
  }
  return dumps;
}

grpc::Status FakeDumpsService::GetDump(grpc::ServerContext*, const v1::GetDumpRequest* request,
                                       v1::Dump* response) {
  const auto stored = Find(request->name());
  if (!stored.ok()) return ToGrpc(stored.status());
  *response = stored->dump;
  return grpc::Status::OK;
}

grpc::Status FakeDumpsService::ListDumps(grpc::ServerContext*, const v1::ListDumpsRequest* request,
                                         v1::ListDumpsResponse* response) {
  auto dumps = Matching(request->filter());
  if (!dumps.ok()) return ToGrpc(dumps.status());
  {
    std::lock_guard lock(mutex_);
    if (pages_left_.has_value() && (*pages_left_)-- == 0) {
      pages_left_.reset();
      return ToGrpc(absl::UnavailableError("broken by script"));
    }
  }
  // By id: newest first, unless asked otherwise.
  if (request->order_by() != "capture_time") std::reverse(dumps->begin(), dumps->end());
  std::size_t at = 0;
  if (!request->page_token().empty() && !absl::SimpleAtoi(request->page_token(), &at)) {
    return ToGrpc(absl::InvalidArgumentError("page_token"));
  }
  const auto page = static_cast<std::size_t>(std::clamp(request->page_size(), 1, kMaxPageSize));
  for (; at < dumps->size() && response->dumps_size() < static_cast<int>(page); ++at) {
    *response->add_dumps() = (*dumps)[at];
  }
  if (at < dumps->size()) response->set_next_page_token(absl::StrCat(at));
  return grpc::Status::OK;
}

grpc::Status FakeDumpsService::WatchDumps(grpc::ServerContext*,
                                          const v1::WatchDumpsRequest* request,
                                          grpc::ServerWriter<v1::Dump>* writer) {
  const auto dumps = Matching(request->filter());
  if (!dumps.ok()) return ToGrpc(dumps.status());
  for (const v1::Dump& dump : *dumps) writer->Write(dump);
  return grpc::Status::OK;
}

grpc::Status FakeDumpsService::GetLog(grpc::ServerContext*, const v1::GetLogRequest* request,
                                      v1::GetLogResponse* response) {
  const auto stored = Find(request->name());
  if (!stored.ok()) return ToGrpc(stored.status());
  response->set_text(stored->log);
  response->set_records(
      static_cast<std::uint64_t>(std::count(stored->log.begin(), stored->log.end(), '\n')));
  response->set_lost_records(stored->log.empty() ? 7 : 0);
  return grpc::Status::OK;
}

grpc::Status FakeDumpsService::ReadCore(grpc::ServerContext*, const v1::ReadCoreRequest* request,
                                        grpc::ServerWriter<v1::ReadCoreResponse>* writer) {
  const auto stored = Find(request->name());
  if (!stored.ok()) return ToGrpc(stored.status());
  std::optional<std::uint64_t> break_after;
  std::optional<Flip> flip;
  {
    std::lock_guard lock(mutex_);
    read_offsets_.push_back(request->offset());
    break_after = std::exchange(break_after_, std::nullopt);
    flip = flip_;
  }
  std::uint64_t sent = 0;
  for (std::uint64_t at = request->offset(); at < stored->core.size(); at += kMessageBytes) {
    if (break_after.has_value() && sent >= *break_after) {
      return ToGrpc(absl::UnavailableError("broken by script"));
    }
    std::string data = stored->core.substr(at, kMessageBytes);
    v1::ReadCoreResponse message;
    message.set_crc32c(Crc32c(AsBytes(data)));
    if (flip.has_value() && flip->offset >= at && flip->offset - at < data.size()) {
      data[flip->offset - at] ^= 1;
      if (flip->corruption == Corruption::kInTheStore) message.set_crc32c(Crc32c(AsBytes(data)));
    }
    sent += data.size();
    message.set_data(std::move(data));
    writer->Write(message);
  }
  return grpc::Status::OK;
}

grpc::Status FakeDumpsService::ReadMemory(grpc::ServerContext*,
                                          const v1::ReadMemoryRequest* request,
                                          v1::ReadMemoryResponse* response) {
  const auto stored = Find(request->name());
  if (!stored.ok()) return ToGrpc(stored.status());
  const std::uint64_t address = request->has_gva() ? request->gva() : request->gpa();
  const std::string& memory = stored->core;
  if (address > memory.size() || request->length() > memory.size() - address) {
    return ToGrpc(
        WithReason(absl::NotFoundError(absl::StrCat("no memory at 0x", absl::Hex(memory.size()))),
                   "ADDRESS_NOT_CAPTURED"));
  }
  response->set_data(memory.substr(address, request->length()));
  return grpc::Status::OK;
}

grpc::Status FakeDumpsService::DeleteDump(grpc::ServerContext*,
                                          const v1::DeleteDumpRequest* request,
                                          google::protobuf::Empty*) {
  const auto stored = Find(request->name());
  if (!stored.ok()) return ToGrpc(stored.status());
  std::lock_guard lock(mutex_);
  dumps_.erase(request->name());
  return grpc::Status::OK;
}

}  // namespace marrow
