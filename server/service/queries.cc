// SPDX-License-Identifier: Apache-2.0
#include "server/service/queries.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/catalog/page_token.h"
#include "server/errors/error_info.h"
#include "server/service/dump_name.h"
#include "server/triage/kernel_log.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {
namespace {

constexpr std::int32_t kDefaultPageSize = 50;
constexpr std::int32_t kMaxPageSize = 1000;
constexpr std::uint32_t kMaxReadBytes = 1 << 20;
// Of the formatted text, so that the answer fits the 4 MiB that gRPC clients take by default.
constexpr std::uint64_t kMaxLogBytes = 3 << 20;

// A stored core, opened. The reader borrows the source.
struct OpenedCore {
  std::unique_ptr<ByteSource> source;
  CoreReader reader;
};

absl::StatusOr<OpenedCore> OpenCore(Archive& archive, absl::string_view name) {
  const absl::StatusOr<std::string> id = ParseDumpName(name);
  if (!id.ok()) return id.status();
  const absl::StatusOr<v1::Dump> dump = archive.Get(*id);
  if (!dump.ok()) return dump.status();
  auto source = archive.OpenCore(*dump);
  if (!source.ok()) return CoreDamaged(source.status());
  auto reader = CoreReader::Open(**source);
  if (!reader.ok()) return CoreDamaged(reader.status());
  return OpenedCore{*std::move(source), *std::move(reader)};
}

absl::Status CheckReadMemory(const v1::ReadMemoryRequest& request) {
  if (request.length() == 0 || request.length() > kMaxReadBytes) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat("length must be 1 to ", kMaxReadBytes)),
        "LENGTH_INVALID");
  }
  if (request.address_case() == v1::ReadMemoryRequest::ADDRESS_NOT_SET) {
    return WithReason(absl::InvalidArgumentError("one of gpa and gva must be set"),
                      "ADDRESS_MISSING");
  }
  return absl::OkStatus();
}

absl::Status WithReadReason(const absl::Status& status) {
  if (absl::IsNotFound(status)) return WithReason(status, "ADDRESS_NOT_CAPTURED");
  if (absl::IsOutOfRange(status)) return WithReason(status, "ADDRESS_INVALID");
  return CoreDamaged(status);
}

}  // namespace

absl::StatusOr<Filter> FilterOf(absl::string_view text) {
  absl::StatusOr<Filter> filter = ParseFilter(text);
  if (!filter.ok()) return WithReason(filter.status(), "FILTER_INVALID");
  return filter;
}

absl::StatusOr<v1::Dump> GetDump(Archive& archive, const v1::GetDumpRequest& request) {
  const absl::StatusOr<std::string> id = ParseDumpName(request.name());
  if (!id.ok()) return id.status();
  return archive.Get(*id);
}

absl::StatusOr<v1::ListDumpsResponse> ListDumps(Archive& archive,
                                                const v1::ListDumpsRequest& request) {
  if (request.page_size() < 0) {
    return WithReason(absl::InvalidArgumentError("page_size must not be negative"),
                      "PAGE_SIZE_INVALID");
  }
  absl::StatusOr<Filter> filter = FilterOf(request.filter());
  if (!filter.ok()) return filter.status();
  const absl::StatusOr<OrderBy> order = ParseOrderBy(request.order_by());
  if (!order.ok()) return WithReason(order.status(), "ORDER_BY_INVALID");
  ListQuery query{.filter = *std::move(filter), .order = *order, .after = std::nullopt};
  const std::int32_t size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  query.max_dumps = static_cast<std::size_t>(std::min(size, kMaxPageSize));
  if (!request.page_token().empty()) {
    auto after = DecodePageToken(request.page_token(), query.filter, query.order);
    if (!after.ok()) return after.status();
    query.after = *std::move(after);
  }
  absl::StatusOr<DumpPage> page = archive.List(query);
  if (!page.ok()) return page.status();
  v1::ListDumpsResponse response;
  for (v1::Dump& dump : page->dumps) *response.add_dumps() = std::move(dump);
  if (page->next) {
    response.set_next_page_token(EncodePageToken(*page->next, query.filter, query.order));
  }
  return response;
}

absl::StatusOr<v1::GetLogResponse> GetLog(Archive& archive, const v1::GetLogRequest& request) {
  const absl::StatusOr<OpenedCore> core = OpenCore(archive, request.name());
  if (!core.ok()) return core.status();
  absl::StatusOr<KernelLog> log = ReadKernelLog(core->reader, {.text_bytes = kMaxLogBytes});
  if (absl::IsNotFound(log.status()) || absl::IsInvalidArgument(log.status())) {
    // The dump is there and sound; it just holds no log that can be read.
    return WithReason(absl::FailedPreconditionError(log.status().message()), "LOG_NOT_READABLE");
  }
  if (!log.ok()) return CoreDamaged(log.status());
  v1::GetLogResponse response;
  response.set_text(FormatNewest(*log, kMaxLogBytes));
  response.set_records(log->records.size());
  response.set_lost_records(log->lost_records);
  return response;
}

absl::StatusOr<v1::ReadMemoryResponse> ReadMemory(Archive& archive,
                                                  const v1::ReadMemoryRequest& request) {
  if (absl::Status s = CheckReadMemory(request); !s.ok()) return s;
  const absl::StatusOr<OpenedCore> core = OpenCore(archive, request.name());
  if (!core.ok()) return core.status();
  v1::ReadMemoryResponse response;
  std::string& data = *response.mutable_data();
  data.resize(request.length());
  const MutableBytes out = std::as_writable_bytes(std::span(data));
  const absl::Status status = request.has_gpa() ? core->reader.ReadPhysical(Gpa{request.gpa()}, out)
                                                : core->reader.ReadVirtual(Gva{request.gva()}, out);
  if (!status.ok()) return WithReadReason(status);
  return response;
}

absl::Status DeleteDump(Archive& archive, const v1::DeleteDumpRequest& request) {
  const absl::StatusOr<std::string> id = ParseDumpName(request.name());
  if (!id.ok()) return id.status();
  return archive.Delete(*id);
}

}  // namespace marrow
