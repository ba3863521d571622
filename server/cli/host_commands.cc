// SPDX-License-Identifier: Apache-2.0
// marrow vms, marrow capture
#include "absl/strings/str_cat.h"
#include "server/cli/commands.h"
#include "server/cli/table.h"
#include "server/cli/units.h"
#include "server/triage/printable.h"

namespace marrow::cli {

absl::Status ListVms(Session& session) {
  grpc::ClientContext context;
  SetTimeout(context, kCallTimeout);
  v1::ListVmsResponse response;
  absl::Status status = session.HostStatus(session.host().ListVms(&context, {}, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(response);
    return absl::OkStatus();
  }
  Table table({{"VM"},
               {"STATUS"},
               {"AGENT"},
               {"MEMORY", Align::kRight},
               {"REGIONS", Align::kRight},
               {"CAPTURES", Align::kRight},
               {"LAST DUMP"},
               {"LAST CAPTURE (UTC)"},
               {"DETAIL"}});
  for (const v1::WatchedVm& vm : response.vms()) {
    const char* silent = vm.heartbeats() == 0 ? "never seen" : "silent";
    table.AddRow({vm.name(), HumanEnum(v1::VmStatus_Name(vm.status()), "VM_STATUS_"),
                  vm.agent_alive() ? "alive" : silent,
                  vm.ram_bytes() == 0 ? "" : HumanBytes(vm.ram_bytes()), absl::StrCat(vm.regions()),
                  absl::StrCat(vm.captures()), vm.last_dump_id(), HumanTime(vm.last_capture_time()),
                  vm.detail()});
  }
  session.out() << table.Render(session.environment().columns);
  if (response.spool_entries() > 0) {
    session.out() << response.spool_entries() << " dumps, " << HumanBytes(response.spool_bytes())
                  << ", wait in the spool\n";
  }
  return absl::OkStatus();
}

absl::Status Capture(Session& session, const CaptureArguments& arguments) {
  v1::CaptureRequest request;
  request.set_vm(arguments.vm);
  request.set_detail(arguments.detail);
  grpc::ClientContext context;
  SetTimeout(context, kCaptureTimeout);
  v1::CaptureResponse response;
  absl::Status status = session.HostStatus(session.host().Capture(&context, request, &response));
  if (!status.ok()) return status;
  if (session.json()) {
    session.PrintJson(response);
    return absl::OkStatus();
  }
  const std::string id = Printable(response.dump_id());
  session.out() << id << ": " << HumanBytes(response.core_bytes()) << "\n";
  if (response.manifest().missing_size() > 0) {
    session.err() << "marrow: the dump is partial: " << response.manifest().missing_size()
                  << " things are missing; `marrow dumps show " << id << "` says which\n";
  }
  return absl::OkStatus();
}

}  // namespace marrow::cli
