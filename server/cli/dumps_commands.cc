// SPDX-License-Identifier: Apache-2.0
// marrow dumps list | show | log | regions | delete | watch
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/cli/commands.h"
#include "server/cli/dump_table.h"
#include "server/triage/printable.h"

namespace marrow::cli {
namespace {

// The lines of `text` as Printable() makes each.
std::string PrintableLines(absl::string_view text) {
  return absl::StrJoin(absl::StrSplit(text, '\n'), "\n",
                       [](std::string* out, absl::string_view line) { *out += Printable(line); });
}

// A ListDumpsResponse in as many pieces as there are pages, one dump a line.
absl::Status ListAsJson(Session& session, const ListArguments& arguments) {
  std::size_t printed = 0;
  const auto print = [&](const v1::ListDumpsResponse& page) {
    for (const v1::Dump& dump : page.dumps()) {
      session.out() << (printed++ == 0 ? "{\"dumps\": [\n" : ",\n") << Session::JsonLine(dump);
    }
  };
  absl::Status status =
      session.ListDumps(arguments.filter, arguments.order_by, arguments.limit, print);
  if (!status.ok()) return status;
  session.out() << (printed == 0 ? "{\"dumps\": [" : "\n") << "], \"next_page_token\": \"\"}\n";
  return absl::OkStatus();
}

}  // namespace

absl::Status ListDumps(Session& session, const ListArguments& arguments) {
  if (session.json() && !arguments.ids_only) return ListAsJson(session, arguments);
  Table table = MakeDumpTable();
  const auto print = [&](const v1::ListDumpsResponse& page) {
    for (const v1::Dump& dump : page.dumps()) {
      if (arguments.ids_only) {
        session.out() << dump.manifest().dump_id() << "\n";
      } else {
        AddDump(table, dump);
      }
    }
    if (!arguments.ids_only) session.out() << table.Render(session.environment().columns);
  };
  return session.ListDumps(arguments.filter, arguments.order_by, arguments.limit, print);
}

absl::Status ShowDump(Session& session, const std::string& id) {
  const auto dump = session.GetDump(id);
  if (!dump.ok()) return dump.status();
  if (session.json()) {
    session.PrintJson(*dump);
  } else {
    session.out() << DescribeDump(*dump);
  }
  return absl::OkStatus();
}

absl::Status PrintLog(Session& session, const std::string& id) {
  const auto name = session.ResolveName(id);
  if (!name.ok()) return name.status();
  v1::GetLogRequest request;
  request.set_name(*name);
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::GetLogResponse response;
  absl::Status status = session.StoreStatus(session.dumps().GetLog(&context, request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(response);
    return absl::OkStatus();
  }
  session.out() << PrintableLines(response.text());
  if (response.lost_records() > 0) {
    session.err() << "marrow: " << response.lost_records() << " of "
                  << response.records() + response.lost_records()
                  << " records are not in the core or are damaged\n";
  }
  return absl::OkStatus();
}

absl::Status ListRegions(Session& session, const std::string& id) {
  const auto dump = session.GetDump(id);
  if (!dump.ok()) return dump.status();
  if (session.json()) {
    v1::Manifest regions;
    regions.set_dump_id(dump->manifest().dump_id());
    *regions.mutable_regions() = dump->manifest().regions();
    session.PrintJson(regions);
  } else {
    session.out() << MakeRegionTable(dump->manifest()).Render(session.environment().columns);
  }
  return absl::OkStatus();
}

absl::Status DeleteDumps(Session& session, const std::vector<std::string>& ids) {
  // Whole ids only: what a prefix names changes with every new dump. All are read first, so that a
  // mistyped one deletes nothing.
  std::vector<std::string> names;
  for (const std::string& id : ids) {
    auto name = Session::NameOf(id);
    if (!name.ok()) return name.status();
    names.push_back(*std::move(name));
  }
  for (const std::string& name : names) {
    v1::DeleteDumpRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    SetTimeout(context, kCallTimeout);
    google::protobuf::Empty response;
    absl::Status status =
        session.StoreStatus(session.dumps().DeleteDump(&context, request, &response));
    if (!status.ok()) return status;
    if (session.json()) {
      session.PrintJsonLine(request);
    } else {
      session.out() << "deleted " << name << "\n";
    }
  }
  return absl::OkStatus();
}

absl::Status WatchDumps(Session& session, const std::string& filter) {
  v1::WatchDumpsRequest request;
  request.set_filter(filter);
  grpc::ClientContext context;
  const auto stream = session.dumps().WatchDumps(&context, request);
  v1::Dump dump;
  while (stream->Read(&dump)) {
    if (absl::Status status = CheckDumpId(dump); !status.ok()) {
      context.TryCancel();
      return status;
    }
    if (session.json()) {
      session.PrintJsonLine(dump);
      continue;
    }
    // A table of one row, so that a line says the same as in `list`; widths cannot be known ahead.
    Table table = MakeDumpTable();
    AddDump(table, dump);
    const std::string text = table.Render(session.environment().columns);
    session.out() << text.substr(text.find('\n') + 1) << std::flush;
  }
  return session.StoreStatus(stream->Finish());
}

}  // namespace marrow::cli
