// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/watch/vm_watcher.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "vmm_backend/qemu/event_kind.h"

namespace marrow {
namespace {

// How often the window is looked at. A doorbell waits half of it on average.
constexpr absl::Duration kPollPeriod = absl::Milliseconds(100);
constexpr absl::Duration kAttachPeriod = absl::Milliseconds(500);
constexpr absl::Duration kQmpTimeout = absl::Seconds(5);
constexpr std::chrono::seconds kMostCaptureWait{60};

std::array<std::uint8_t, 16> RandomNonce() {
  std::array<std::uint8_t, 16> nonce{};
  // Only tells one formatting of a window from the next: a short read would be good enough.
  (void)::getrandom(nonce.data(), nonce.size(), 0);
  return nonce;
}

bool CanConnect(const std::string& qmp_path) {
  return QmpClient::Connect(qmp_path, absl::Seconds(1)).ok();
}

}  // namespace

VmWatcher::VmWatcher(VmConfig config, const WatchServices& services)
    : config_(std::move(config)),
      services_(services),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  shown_.set_name(config_.name);
  shown_.set_status(v1::VM_STATUS_CONNECTING);
  thread_ = std::jthread([this](std::stop_token stop) { Run(std::move(stop)); });
}

VmWatcher::~VmWatcher() {
  thread_.request_stop();
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
  RefuseOrders(absl::UnavailableError("marrowd is stopping"));
}

v1::WatchedVm VmWatcher::Describe() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

absl::StatusOr<v1::CaptureResponse> VmWatcher::Capture(const std::string& detail) {
  std::future<absl::StatusOr<v1::CaptureResponse>> result;
  {
    const std::lock_guard lock(mutex_);
    if (shown_.status() != v1::VM_STATUS_WATCHING && shown_.status() != v1::VM_STATUS_CAPTURING) {
      return absl::UnavailableError(
          absl::StrCat("VM ", config_.name, " is not attached: ", shown_.detail()));
    }
    orders_.push_back({.detail = detail, .result = {}});
    result = orders_.back().result.get_future();
  }
  ::eventfd_write(wake_.get(), 1);
  if (result.wait_for(kMostCaptureWait) != std::future_status::ready) {
    return absl::DeadlineExceededError("the capture has not ended yet; see `marrow vms`");
  }
  return result.get();
}

void VmWatcher::Run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const absl::Status status = AttachAndWatch(stop);
    if (!status.ok()) {
      SetStatus(v1::VM_STATUS_CONNECTING, std::string(status.message()));
      RefuseOrders(status);
    }
    Wait(nullptr, kAttachPeriod);
  }
}

absl::Status VmWatcher::AttachAndWatch(const std::stop_token& stop) {
  absl::StatusOr<WindowFile> window =
      WindowFile::Open(config_.window_path, config_.window_bytes, RandomNonce());
  if (!window.ok()) return window.status();
  absl::StatusOr<std::unique_ptr<QemuVm>> vm = QemuVm::Attach(config_.qmp_path, kQmpTimeout);
  if (!vm.ok()) return vm.status();

  const std::uint64_t ram_bytes = (*vm)->memory().ram().bytes();
  services_.log->info("attached vm={} pid={} ram_mib={} memory={}", config_.name,
                      (*vm)->process().pid(), ram_bytes >> 20,
                      (*vm)->memory_outlives_process() ? "shared" : "private");
  VmSession session(config_, services_,
                    {.window = &*window,
                     .memory = &(*vm)->memory(),
                     .control = vm->get(),
                     .uuid = (*vm)->uuid()});
  {
    const std::lock_guard lock(mutex_);
    shown_.set_ram_bytes(ram_bytes);
    earlier_captures_ = shown_.captures();
  }
  SetStatus(v1::VM_STATUS_WATCHING, "");
  const Outcome outcome = Watch(**vm, session, stop);
  Publish(session);
  if (outcome == Outcome::kVmmDied) SetStatus(v1::VM_STATUS_DEAD, "its VMM ended");
  return outcome == Outcome::kConnectionLost
             ? absl::UnavailableError("lost the QMP connection; attaching again")
             : absl::OkStatus();
}

VmWatcher::Outcome VmWatcher::Watch(QemuVm& vm, VmSession& session, const std::stop_token& stop) {
  session.Poll();
  // A crash from before we came has no event any more, only its run state.
  if (const auto state = vm.RunState(); state.ok()) {
    if (const auto event = RunStateEvent(*state)) session.OnEvent(*event);
  }
  while (!stop.stop_requested()) {
    const bool connected = DeliverEvents(vm, session);
    if (vm.process().HasEnded()) {
      session.OnVmmDied(absl::StrCat("VMM process ", vm.process().pid(), " is gone"));
      return Outcome::kVmmDied;
    }
    // A killed VMM closes its sockets long before a large guest is freed and the process is gone:
    // its memory is held until it is, or until somebody answers at the socket again.
    if (!connected && CanConnect(config_.qmp_path)) return Outcome::kConnectionLost;
    session.Poll();
    ServeOrders(session);
    Publish(session);
    Wait(connected ? &vm : nullptr, kPollPeriod);
  }
  return Outcome::kStopping;
}

bool VmWatcher::DeliverEvents(QemuVm& vm, VmSession& session) {
  bool ended = false;
  for (const QmpEvent& qmp_event : vm.qmp().TakeEvents(ended)) {
    const std::optional<VmEvent> event = ToVmEvent(qmp_event);
    if (!event) continue;
    session.OnEvent(*event);
    if (event->kind != VmEventKind::kStopped) continue;
    const auto state = vm.RunState();
    const auto crash = state.ok() ? RunStateEvent(*state) : std::nullopt;
    if (crash && crash->kind == VmEventKind::kInternalError) session.OnEvent(*crash);
  }
  return !ended;
}

std::optional<VmWatcher::Order> VmWatcher::TakeOrder() {
  const std::lock_guard lock(mutex_);
  if (orders_.empty()) return std::nullopt;
  Order order = std::move(orders_.front());
  orders_.pop_front();
  return order;
}

void VmWatcher::ServeOrders(VmSession& session) {
  while (std::optional<Order> order = TakeOrder()) {
    SetStatus(v1::VM_STATUS_CAPTURING, "operator");
    absl::StatusOr<v1::CaptureResponse> response = session.CaptureNow(order->detail);
    Publish(session);
    SetStatus(v1::VM_STATUS_WATCHING, "");
    order->result.set_value(std::move(response));
  }
}

void VmWatcher::RefuseOrders(const absl::Status& why) {
  while (std::optional<Order> order = TakeOrder()) order->result.set_value(why);
}

void VmWatcher::Wait(const QemuVm* vm, absl::Duration timeout) {
  pollfd entries[3] = {{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                       {.fd = -1, .events = POLLIN, .revents = 0},
                       {.fd = -1, .events = POLLIN, .revents = 0}};
  if (vm != nullptr) {
    entries[1].fd = vm->event_fd();
    entries[2].fd = vm->process().pidfd();
  }
  if (::poll(entries, 3, static_cast<int>(absl::ToInt64Milliseconds(timeout))) > 0 &&
      (entries[0].revents & POLLIN) != 0) {
    eventfd_t rings = 0;
    (void)::eventfd_read(wake_.get(), &rings);  // only resets it
  }
}

void VmWatcher::SetStatus(v1::VmStatus status, std::string detail) {
  const std::lock_guard lock(mutex_);
  if (shown_.status() != status || shown_.detail() != detail) {
    services_.log->info("status vm={} status={} detail=\"{}\"", config_.name,
                        v1::VmStatus_Name(status), detail);
  }
  shown_.set_status(status);
  shown_.set_detail(std::move(detail));
}

void VmWatcher::Publish(const VmSession& session) {
  const SessionStats& stats = session.stats();
  const std::lock_guard lock(mutex_);
  shown_.set_regions(stats.regions);
  shown_.set_window_generation(stats.window_generation);
  shown_.set_heartbeats(stats.heartbeats);
  shown_.set_agent_alive(stats.agent_alive);
  shown_.set_captures(earlier_captures_ + stats.captures);
  if (shown_.status() == v1::VM_STATUS_WATCHING) shown_.set_detail(stats.window_state);
  if (stats.captures == 0) return;
  shown_.set_last_dump_id(stats.last_dump_id);
  const std::int64_t nanos = absl::ToUnixNanos(stats.last_capture_time);
  shown_.mutable_last_capture_time()->set_seconds(nanos / 1'000'000'000);
  shown_.mutable_last_capture_time()->set_nanos(static_cast<std::int32_t>(nanos % 1'000'000'000));
}

}  // namespace marrow
