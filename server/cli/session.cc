// SPDX-License-Identifier: Apache-2.0
#include "server/cli/session.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "google/protobuf/util/json_util.h"
#include "server/errors/grpc_status.h"
#include "vmm_backend/base/ulid.h"

namespace marrow::cli {
namespace {

constexpr char kNamePrefix[] = "dumps/";
constexpr std::size_t kPageSize = 1000;

absl::Status FromServer(const grpc::Status& status, absl::string_view server) {
  absl::Status converted = FromGrpc(status);
  if (converted.code() != absl::StatusCode::kUnavailable) return converted;
  absl::Status named(converted.code(),
                     absl::StrCat("cannot reach ", server, ": ", converted.message()));
  converted.ForEachPayload([&named](absl::string_view url, const absl::Cord& payload) {
    named.SetPayload(url, payload);
  });
  return named;
}

std::string ToJson(const google::protobuf::Message& message, bool lines) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = lines;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : absl::StrCat("{\"error\": \"", status.ToString(), "\"}");
}

}  // namespace

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
}

absl::Status CheckDumpId(const v1::Dump& dump) {
  const std::string& id = dump.manifest().dump_id();
  if (IsUlid(id) && dump.name() == absl::StrCat(kNamePrefix, id)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the store sent a dump with the name \"", dump.name(),
                                          "\" and the id \"", id,
                                          "\": it does not keep to the protocol"));
}

absl::StatusOr<Session> Session::Open(Environment& environment, SessionOptions options) {
  auto store = OpenChannel(options.store_address, options.store_tls);
  if (!store.ok()) return store.status();
  auto host = OpenChannel(absl::StrCat("unix:", options.control_path));
  if (!host.ok()) return host.status();
  return Session(environment, std::move(options), *std::move(store), *std::move(host));
}

Session::Session(Environment& environment, SessionOptions options,
                 std::shared_ptr<grpc::Channel> store, std::shared_ptr<grpc::Channel> host)
    : environment_(environment),
      options_(std::move(options)),
      dumps_(v1::Dumps::NewStub(store)),
      host_(v1::HostControl::NewStub(host)) {}

absl::Status Session::StoreStatus(const grpc::Status& status) const {
  return FromServer(status, absl::StrCat("the store at ", options_.store_address));
}

absl::Status Session::HostStatus(const grpc::Status& status) const {
  return FromServer(status, absl::StrCat("marrowd at ", options_.control_path));
}

absl::StatusOr<std::string> Session::NameOf(const std::string& id) {
  const absl::string_view bare = absl::StripPrefix(id, kNamePrefix);
  if (IsUlid(bare)) return absl::StrCat(kNamePrefix, bare);
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", id, "\" is no whole id of a dump: `marrow dumps list --quiet` prints them"));
}

absl::StatusOr<std::string> Session::ResolveName(const std::string& id) {
  auto whole = NameOf(id);
  if (whole.ok()) return whole;
  const std::string bare(absl::StripPrefix(id, kNamePrefix));
  if (bare.empty()) return absl::InvalidArgumentError("the dump's id is empty");
  std::size_t seen = 0;
  std::size_t found = 0;
  std::string name;
  absl::Status status = ListDumps("", "", kPrefixScope, [&](const v1::ListDumpsResponse& page) {
    for (const v1::Dump& dump : page.dumps()) {
      ++seen;
      if (absl::StartsWith(dump.manifest().dump_id(), bare) && ++found == 1) name = dump.name();
    }
  });
  if (!status.ok()) return status;
  if (found == 0) {
    return absl::NotFoundError(absl::StrCat("no dump has an id that starts with ", bare,
                                            " among the newest ", seen,
                                            "; `marrow dumps list` shows them"));
  }
  if (found > 1) {
    return absl::InvalidArgumentError(absl::StrCat(found, " dumps have an id that starts with ",
                                                   bare, ": give more of it, as in ",
                                                   absl::StripPrefix(name, kNamePrefix)));
  }
  return name;
}

absl::StatusOr<v1::Dump> Session::GetDump(const std::string& id) {
  const auto name = ResolveName(id);
  if (!name.ok()) return name.status();
  v1::GetDumpRequest request;
  request.set_name(*name);
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::Dump dump;
  absl::Status status = StoreStatus(dumps_->GetDump(&context, request, &dump));
  if (status.ok()) status = CheckDumpId(dump);
  if (!status.ok()) return status;
  if (dump.name() != *name) {
    return absl::InternalError(absl::StrCat("the store sent ", dump.name(), " for ", *name));
  }
  return dump;
}

absl::Status Session::ListDumps(const std::string& filter, const std::string& order_by,
                                std::size_t limit, const TakePage& take) {
  std::size_t left = limit == 0 ? std::numeric_limits<std::size_t>::max() : limit;
  v1::ListDumpsRequest request;
  request.set_filter(filter);
  request.set_order_by(order_by);
  do {
    const std::size_t size = std::min(left, kPageSize);
    request.set_page_size(static_cast<int>(size));
    grpc::ClientContext context;
    SetTimeout(context, kCallTimeout);
    v1::ListDumpsResponse page;
    absl::Status status = StoreStatus(dumps_->ListDumps(&context, request, &page));
    for (const v1::Dump& dump : page.dumps()) status.Update(CheckDumpId(dump));
    if (!status.ok()) return status;
    if (static_cast<std::size_t>(page.dumps_size()) > size) {
      return absl::InternalError(absl::StrCat("the store sent ", page.dumps_size(),
                                              " dumps where it was asked for ", size));
    }
    left -= static_cast<std::size_t>(page.dumps_size());
    take(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && left > 0);
  return absl::OkStatus();
}

void Session::PrintJson(const google::protobuf::Message& message) {
  out() << ToJson(message, true);
}

void Session::PrintJsonLine(const google::protobuf::Message& message) {
  out() << JsonLine(message) << std::endl;
}

std::string Session::JsonLine(const google::protobuf::Message& message) {
  return ToJson(message, false);
}

}  // namespace marrow::cli
