// SPDX-License-Identifier: Apache-2.0
#include <time.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "guest/profile/profile.h"
#include "guest/profile/shipped.h"
#include "vmm_backend/capture/capture.h"
#include "vmm_backend/carve/core_vm.h"
#include "vmm_backend/carve/explain.h"
#include "vmm_backend/elfcore/core_writer.h"
#include "vmm_backend/posix/file_system.h"
#include "vmm_backend/qemu/vcpu_dump.h"

namespace marrow {
namespace {

constexpr int kFailed = 1;
constexpr std::uint64_t kMostProfileBytes = 1 << 20;

struct Options {
  std::string profile = "crash";
  std::string input;
  std::string output;
  bool explain = false;
  bool force = false;
};

absl::Status With(absl::string_view what, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", status.message()));
}

absl::StatusOr<profile::Profile> LoadProfile(FileSystem& files, const std::string& name) {
  std::string text;
  if (const auto shipped = profile::FindShippedProfile(name)) {
    text = *shipped;
  } else {
    absl::StatusOr<std::string> read = ReadWholeFile(files, name, kMostProfileBytes);
    if (!read.ok()) {
      return With("no profile of that name is shipped, and as a file", read.status());
    }
    text = *std::move(read);
  }
  auto parsed = profile::ParseProfile(text, name);
  if (!parsed.ok()) return absl::InvalidArgumentError(parsed.error());
  return *std::move(parsed);
}

absl::Status WriteDump(FileSystem& files, const CapturedDump& dump, const Options& options) {
  if (options.force) (void)files.Remove(options.output);
  const absl::StatusOr<std::unique_ptr<File>> file = files.Create(options.output);
  if (!file.ok()) return file.status();
  class FileSink final : public ByteSink {
   public:
    explicit FileSink(File& file) : file_(file) {}
    absl::Status Write(Bytes bytes) override { return file_.Append(bytes); }

   private:
    File& file_;
  } sink(**file);
  return WriteCore(
      dump.layout, [&dump](std::size_t i) { return dump.pages.Page(i); }, sink);
}

absl::Duration Monotonic() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

absl::Status Carve(const Options& options) {
  const auto files = MakePosixFileSystem();
  const absl::StatusOr<profile::Profile> profile = LoadProfile(*files, options.profile);
  if (!profile.ok()) return With(options.profile, profile.status());
  const absl::StatusOr<std::unique_ptr<File>> file = files->OpenForRead(options.input);
  if (!file.ok()) return file.status();
  const absl::StatusOr<CoreReader> core = CoreReader::Open(**file);
  if (!core.ok()) return With(options.input, core.status());
  const absl::StatusOr<CoreMemory> memory = CoreMemory::Open(*core);
  if (!memory.ok()) return With(options.input, memory.status());
  absl::StatusOr<StoppedVm> stopped = ParseVcpuDump(**file);
  if (!stopped.ok()) {  // a log and tasks there are even so
    stopped = StoppedVm{.vcpus = {}, .vmcoreinfo = core->vmcoreinfo().text()};
  }
  CoreVm vm(*std::move(stopped));
  CapturePolicy policy;
  policy.profile = &*profile;
  policy.capture.walk_time = absl::Minutes(1);  // no VM stands still for it
  CaptureOrder order;
  order.trigger = v1::TRIGGER_OPERATOR;
  order.detail = "carved out of a full dump";
  order.time = absl::Now();
  const absl::StatusOr<CapturedDump> dump =
      Capture({.memory = &*memory, .control = &vm}, policy, order, Monotonic);
  if (!dump.ok()) return dump.status();
  if (options.explain) Explain(*dump, std::cout);
  if (dump->manifest.table_source() != v1::TABLE_SOURCE_DERIVED) {
    return absl::FailedPreconditionError(absl::StrCat(options.input, ": ", WhyNoTable(*dump)));
  }
  return WriteDump(*files, *dump, options);
}

}  // namespace
}  // namespace marrow

int main(int argc, char** argv) {
  marrow::Options options;
  CLI::App app("Makes a small core out of a full one: the pages that a profile names.");
  app.set_version_flag("--version", MARROW_VERSION);
  app.add_option("--profile", options.profile, "log, crash (default), tasks-full, or a file");
  app.add_flag("--explain", options.explain, "Print what each part of the profile gave and cost");
  app.add_flag("-f,--force", options.force, "Replace OUTPUT");
  app.add_option("FULL_CORE", options.input, "ELF core of QEMU's dump-guest-memory, or of Marrow")
      ->required();
  app.add_option("OUTPUT", options.output, "Where the small core goes")->required();
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = marrow::Carve(options);
  if (status.ok()) return 0;
  std::cerr << "marrow-carve: " << status.message() << '\n';
  return marrow::kFailed;
}
