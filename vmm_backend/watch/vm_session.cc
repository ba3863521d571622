// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/watch/vm_session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
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

template <typename T>
T ReadOrZero(const HostWindow& window, std::size_t offset) {
  T value{};
  const absl::Status status = window.ReadAt(offset, std::as_writable_bytes(std::span(&value, 1)));
  return status.ok() ? value : T{};
}

marrow_host_ack ReadAck(const HostWindow& window) {
  return ReadOrZero<marrow_host_ack>(window, offsetof(marrow_window_header, ack));
}

// All zeros while no guest has attached.
std::array<std::uint8_t, 16> BootIdIn(const HostWindow& window) {
  const absl::StatusOr<GuestStatus> status = ReadGuestStatus(window);
  return status.ok() ? status->boot_id : std::array<std::uint8_t, 16>{};
}

// True if the host's own note says that the crash of this boot was captured before.
bool WasCaptured(const HostWindow& window) {
  const marrow_host_ack ack = ReadAck(window);
  const auto boot_id = BootIdIn(window);
  return ack.crash_captured == 1 &&
         std::equal(boot_id.begin(), boot_id.end(), std::begin(ack.crash_boot_id));
}

std::uint64_t RequestSequence(const HostWindow& window) {
  return ReadOrZero<std::uint64_t>(window, offsetof(marrow_window_header, request));
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
      watch_(ToWatchPolicy(config), WasCaptured(*vm_.window), RequestSequence(*vm_.window)),
      crash_kept_(watch_.is_down()),
      ack_(ReadAck(*vm_.window)) {}

VmSession::~VmSession() { StoreAck(MARROW_HOST_ABSENT); }

void VmSession::OnEvent(const VmEvent& event) {
  // The guest may have said since the last poll that it shuts down.
  const absl::StatusOr<GuestStatus> status = ReadGuestStatus(*vm_.window);
  Do(watch_.OnEvent(event, status.ok() ? &*status : nullptr, services_.clock()));
}

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
  StoreAck(MARROW_HOST_LISTENING);
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
  if (step.limited) {
    services_.log->warn("capture skipped vm={}: its guest has caused too many", config_.name);
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
    absl::Status status = vm_.window->ClearGuest();
    if (!status.ok()) services_.log->warn("window vm={}: {}", config_.name, status.ToString());
    StoreAck(MARROW_HOST_LISTENING);
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
                           .registers = decision.registers,
                           .after = decision.after};
  const absl::StatusOr<CapturedDump> dump = Capture(subject, policy, order, services_.clock);
  if (decision.request_sequence != 0) {
    Acknowledge(decision.request_sequence, dump.ok() ? MARROW_ACK_CAPTURED : MARROW_ACK_FAILED,
                absl::ZeroDuration());
  }
  if (!dump.ok()) return dump.status();
  const absl::StatusOr<SpoolEntry> entry = Spool(*dump);
  if (!entry.ok()) return entry.status();
  crash_kept_ = true;  // noted only while the guest is down
  StoreAck(MARROW_HOST_LISTENING);
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
  StoreAck(MARROW_HOST_LISTENING);
}

void VmSession::StoreAck(marrow_host_presence presence) {
  if (!watch_.is_down()) crash_kept_ = false;
  ack_.presence = presence;
  ack_.crash_captured = crash_kept_ ? 1 : 0;
  const auto boot_id = BootIdIn(*vm_.window);
  std::copy(boot_id.begin(), boot_id.end(), ack_.crash_boot_id);
  const absl::Status status = vm_.window->WriteAck(ack_);
  if (!status.ok()) services_.log->warn("window vm={}: {}", config_.name, status.ToString());
}

}  // namespace marrow
