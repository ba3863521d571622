// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/watch/vm_session.h"

#include <spdlog/spdlog.h>

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

WatchPolicy ToWatchPolicy(const VmConfig& config) {
  return {.after = config.after,
          .heartbeat_misses = config.heartbeat_misses,
          .min_heartbeat_deadline = config.min_heartbeat_deadline,
          .capture_on_reset = config.capture_on_reset};
}

marrow_host_ack ReadAck(const HostWindow& window) {
  marrow_host_ack ack{};
  const absl::Status status = window.ReadAt(offsetof(marrow_window_header, ack),
                                            std::as_writable_bytes(std::span(&ack, 1)));
  return status.ok() ? ack : marrow_host_ack{};
}

bool IsCrash(v1::Trigger trigger) {
  return trigger != v1::TRIGGER_GUEST_REQUEST && trigger != v1::TRIGGER_OPERATOR;
}

double Milliseconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) * 1e3 +
         static_cast<double>(duration.nanos()) / 1e6;
}

}  // namespace

VmSession::VmSession(const VmConfig& config, const WatchServices& services, AttachedVm vm)
    : config_(config),
      services_(services),
      vm_(std::move(vm)),
      watch_(ToWatchPolicy(config), ReadAck(*vm_.window).crash_captured != 0),
      ack_(ReadAck(*vm_.window)) {}

void VmSession::OnEvent(const VmEvent& event) { Do(watch_.OnEvent(event, services_.clock())); }

void VmSession::OnVmmDied(const std::string& detail) {
  vm_.control = nullptr;
  OnEvent({VmEventKind::kDied, detail});
}

void VmSession::Poll() {
  const absl::StatusOr<GuestStatus> status = ReadGuestStatus(*vm_.window);
  if (status.ok()) {
    RefreshTable();
  } else {
    stats_.window_state = std::string(status.status().message());
  }
  Do(watch_.OnPoll(status.ok() ? &*status : nullptr, services_.clock()));
  stats_.heartbeats = watch_.heartbeats_seen();
  stats_.agent_alive = watch_.guest_beats();
  ++ack_.beat;
  StoreAck();
}

void VmSession::RefreshTable() {
  marrow_table_control control{};
  const absl::Status read = vm_.window->ReadAt(offsetof(marrow_window_header, table),
                                               std::as_writable_bytes(std::span(&control, 1)));
  if (read.ok() && last_good_ && last_good_->generation == control.generation) return;
  absl::StatusOr<RegionTable> table = ReadRegionTable(*vm_.window, services_.limits.table);
  if (!table.ok()) {
    stats_.window_state = std::string(table.status().message());
    return;
  }
  if (!last_good_ || last_good_->generation != table->generation) {
    services_.log->info("table vm={} generation={} regions={} rejected={}", config_.name,
                        table->generation, table->regions.size(), table->rejected.size());
  }
  last_good_ = *std::move(table);
  stats_.window_state.clear();
  stats_.regions = static_cast<std::uint32_t>(last_good_->regions.size());
  stats_.window_generation = last_good_->generation;
}

void VmSession::Do(const WatchStep& step) {
  if (step.refused_request != 0) {
    services_.log->warn("request refused vm={} retry_after_ms={}", config_.name,
                        absl::ToInt64Milliseconds(step.refused_for));
    Acknowledge(step.refused_request, MARROW_ACK_REFUSED, step.refused_for);
  }
  if (step.capture) {
    const auto response = RunCapture(*step.capture);
    if (!response.ok()) {
      services_.log->error("capture lost vm={} trigger={}: {}", config_.name,
                           v1::Trigger_Name(step.capture->trigger), response.status().ToString());
    }
  }
  if (step.clear_window) {
    last_good_.reset();
    stats_.regions = 0;
    ack_.crash_captured = 0;
    absl::Status status = vm_.window->ClearGuest();
    if (!status.ok()) services_.log->warn("window vm={}: {}", config_.name, status.ToString());
    StoreAck();
  }
  if (step.reset_vm && vm_.control != nullptr) {
    absl::Status status = vm_.control->Reset();
    if (!status.ok()) services_.log->error("reset vm={}: {}", config_.name, status.ToString());
  }
}

absl::StatusOr<v1::CaptureResponse> VmSession::CaptureNow(const std::string& detail) {
  return RunCapture({.trigger = v1::TRIGGER_OPERATOR, .detail = detail});
}

absl::StatusOr<v1::CaptureResponse> VmSession::RunCapture(const TriggerDecision& decision) {
  if (decision.request_sequence != 0) {
    Acknowledge(decision.request_sequence, MARROW_ACK_CAPTURING, absl::ZeroDuration());
  }
  v1::Vm vm;
  vm.set_name(config_.name);
  vm.set_uuid(vm_.uuid);
  vm.mutable_labels()->insert(config_.labels.begin(), config_.labels.end());
  const CaptureSubject subject{.vm = std::move(vm),
                               .host = services_.host,
                               .window = vm_.window,
                               .last_good = last_good_ ? &*last_good_ : nullptr,
                               .memory = vm_.memory,
                               .control = vm_.control};
  const CapturePolicy policy{.table = services_.limits.table,
                             .capture = services_.limits.capture,
                             .excluded = config_.excluded_classes};
  const CaptureOrder order{.dump_id = services_.new_dump_id(),
                           .trigger = decision.trigger,
                           .detail = decision.detail,
                           .time = services_.now(),
                           .pause = decision.pause,
                           .after = decision.after};
  const absl::StatusOr<CapturedDump> dump = Capture(subject, policy, order, services_.clock);
  if (decision.request_sequence != 0) {
    Acknowledge(decision.request_sequence, dump.ok() ? MARROW_ACK_CAPTURED : MARROW_ACK_FAILED,
                absl::ZeroDuration());
  }
  if (!dump.ok()) return dump.status();
  const absl::StatusOr<SpoolEntry> entry = Spool(*dump);
  if (!entry.ok()) return entry.status();
  if (IsCrash(decision.trigger)) {
    ack_.crash_captured = 1;
    StoreAck();
  }
  ++stats_.captures;
  stats_.last_dump_id = order.dump_id;
  stats_.last_capture_time = order.time;
  v1::CaptureResponse response;
  response.set_dump_id(order.dump_id);
  response.set_core_bytes(dump->layout.file_bytes);
  *response.mutable_manifest() = dump->manifest;
  return response;
}

absl::StatusOr<SpoolEntry> VmSession::Spool(const CapturedDump& dump) {
  LogDump(dump);
  if (!dump.after.ok()) {
    services_.log->error("after capture vm={}: {}", config_.name, dump.after.ToString());
  }
  absl::StatusOr<SpoolEntry> entry = services_.spool->Add(
      dump.manifest, dump.layout, [&dump](std::size_t i) { return dump.pages.Page(i); });
  if (entry.ok()) services_.on_spooled();
  return entry;
}

void VmSession::LogDump(const CapturedDump& dump) {
  const v1::Manifest& manifest = dump.manifest;
  services_.log->info(
      "captured vm={} dump={} trigger={} pages={} core_bytes={} stopped_ms={:.3f} "
      "capture_ms={:.3f} "
      "missing={} detail=\"{}\"",
      config_.name, manifest.dump_id(), v1::Trigger_Name(manifest.trigger()),
      manifest.stats().pages(), dump.layout.file_bytes, Milliseconds(manifest.stats().stopped()),
      Milliseconds(manifest.stats().capture()), manifest.missing_size(), manifest.trigger_detail());
}

void VmSession::Acknowledge(std::uint64_t sequence, marrow_ack_state state,
                            absl::Duration retry_after) {
  ack_.sequence = sequence;
  ack_.state = state;
  ack_.detail = static_cast<std::uint32_t>(absl::ToInt64Milliseconds(retry_after));
  StoreAck();
}

void VmSession::StoreAck() {
  ack_.presence = MARROW_HOST_LISTENING;
  const absl::Status status = vm_.window->WriteAck(ack_);
  if (!status.ok()) services_.log->warn("window vm={}: {}", config_.name, status.ToString());
}

}  // namespace marrow
