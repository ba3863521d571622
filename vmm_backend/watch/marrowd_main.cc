// SPDX-License-Identifier: Apache-2.0
// marrowd: the daemon of a host. Here the concrete parts meet.
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include <iostream>
#include <map>
#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "vmm_backend/base/ulid.h"
#include "vmm_backend/daemon/config.h"
#include "vmm_backend/daemon/control.h"
#include "vmm_backend/daemon/directory_lock.h"
#include "vmm_backend/daemon/spool.h"
#include "vmm_backend/daemon/store_channel.h"
#include "vmm_backend/daemon/uploader.h"
#include "vmm_backend/posix/file_system.h"
#include "vmm_backend/watch/marrowd_options.h"
#include "vmm_backend/watch/vm_watcher.h"

namespace marrow {
namespace {

absl::Duration MonotonicNow() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

std::string NewDumpId() {
  std::array<std::byte, 10> random{};
  // 80 bits from the kernel never come short once its pool is ready, which getrandom waits for.
  (void)::getrandom(random.data(), random.size(), 0);
  return MakeUlid(absl::Now(), random);
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

class UploadLog final : public UploadListener {
 public:
  explicit UploadLog(spdlog::logger& log) : log_(log) {}
  void Acknowledged(const SpoolEntry& entry, const v1::Dump& dump) override {
    last_failure_ = absl::OkStatus();
    const absl::Duration since = absl::Now() - ToTime(entry.begin.manifest().capture_time());
    log_.info("acknowledged dump={} core_bytes={} stored_bytes={} ack_ms={:.1f}",
              entry.begin.manifest().dump_id(), dump.core_bytes(), dump.stored_bytes(),
              absl::ToDoubleMilliseconds(since));
  }
  // A store that is away is tried about once a second: only a new reason is news.
  void Failed(const std::string& id, const absl::Status& why, absl::Duration wait) override {
    const bool news = why != last_failure_;
    last_failure_ = why;
    log_.log(news ? spdlog::level::warn : spdlog::level::debug,
             "upload failed dump={} retry_ms={}: {}", id, absl::ToInt64Milliseconds(wait),
             why.ToString());
  }
  void Quarantined(const std::string& id, const absl::Status& why,
                   const absl::Status& moved) override {
    log_.error("quarantined dump={}: {}", id, why.ToString());
    if (!moved.ok()) log_.error("quarantine dump={}: {}", id, moved.ToString());
  }

 private:
  spdlog::logger& log_;
  absl::Status last_failure_;  // of the uploader's thread
};

class Daemon final : public HostView {
 public:
  Daemon(const DaemonConfig& config, class Spool& spool, Uploader& uploader,
         const WatchServices& services)
      : spool_(spool), uploader_(uploader) {
    for (const VmConfig& vm : config.vms) {
      watchers_.emplace(vm.name, std::make_unique<VmWatcher>(vm, services));
    }
  }

  std::vector<v1::WatchedVm> Vms() override {
    std::vector<v1::WatchedVm> vms;
    for (const auto& [name, watcher] : watchers_) vms.push_back(watcher->Describe());
    return vms;
  }
  absl::StatusOr<v1::CaptureResponse> Capture(const std::string& vm,
                                              const std::string& detail) override {
    const auto found = watchers_.find(vm);
    if (found == watchers_.end()) return absl::NotFoundError(absl::StrCat("no VM named ", vm));
    return found->second->Capture(detail);
  }
  SpoolStats Spool() override { return spool_.stats(); }
  UploadStats Uploads() override { return uploader_.stats(); }

 private:
  class Spool& spool_;
  Uploader& uploader_;
  std::map<std::string, std::unique_ptr<VmWatcher>> watchers_;
};

std::shared_ptr<spdlog::logger> MakeLog(const std::string& level) {
  auto log = spdlog::stderr_logger_mt("marrowd");
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  log->set_level(spdlog::level::from_str(level));
  log->flush_on(spdlog::level::info);
  return log;
}

absl::Status Serve(const DaemonConfig& config, const sigset_t& ending) {
  const std::shared_ptr<spdlog::logger> log = MakeLog(config.log_level);
  const auto files = MakePosixFileSystem();
  const absl::StatusOr<UniqueFd> lock = LockDirectory(config.spool.directory);
  if (!lock.ok()) return lock.status();
  absl::StatusOr<std::unique_ptr<Spool>> spool = Spool::Open(*files, config.spool);
  if (!spool.ok()) return spool.status();
  absl::StatusOr<std::shared_ptr<grpc::Channel>> store = ConnectStore(config.store);
  if (!store.ok()) return store.status();

  UploadLog listener(*log);
  std::mt19937_64 random{std::random_device{}()};
  Uploader uploader(**spool, *store, listener,
                    [&random] { return std::uniform_real_distribution<>(0, 1)(random); });
  WatchServices services{.spool = spool->get(),
                         .on_spooled = [&uploader] { uploader.Notify(); },
                         .host = {},
                         .limits = config.limits,
                         .clock = MonotonicNow,
                         .now = [] { return absl::Now(); },
                         .new_dump_id = NewDumpId,
                         .log = log};
  services.host.set_name(config.host_name);
  services.host.set_marrow_version(MARROW_VERSION);
  Daemon daemon(config, **spool, uploader, services);
  const auto control = ControlServer::Start(daemon, config.control_path);
  if (!control.ok()) return control.status();
  std::cout << "marrowd ready" << std::endl;

  int signal = 0;
  ::sigwait(&ending, &signal);
  log->info("stopping on signal {}", signal);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  // Sockets and spooled memory are nobody else's business.
  ::umask(077);
  sigset_t ending;
  ::sigemptyset(&ending);
  ::sigaddset(&ending, SIGTERM);
  ::sigaddset(&ending, SIGINT);
  // Before any thread exists, so that all inherit it.
  ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  absl::StatusOr<DaemonConfig> config = OptionsFromCommandLine(argc, argv);
  const absl::Status status = config.ok() ? Serve(*config, ending) : config.status();
  if (status.ok()) return 0;
  std::cerr << "marrowd: " << status.message() << std::endl;
  return 1;
}

}  // namespace
}  // namespace marrow

int main(int argc, char** argv) { return marrow::Main(argc, argv); }
