// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/server/cli/cli_fixture.h"

namespace marrow::cli {

v1::Dump SampleDump() {
  v1::Dump dump;
  dump.set_state(v1::DUMP_STATE_COMPLETE);
  dump.set_stored_bytes(51'200);
  dump.set_title("Kernel panic - not syncing: sysrq triggered crash");
  dump.mutable_receive_time()->set_seconds(1'800'000'001);
  v1::Manifest& m = *dump.mutable_manifest();
  m.mutable_capture_time()->set_seconds(1'800'000'000);
  m.mutable_vm()->set_name("web1");
  m.mutable_vm()->set_ram_bytes(std::uint64_t{1} << 30);
  (*m.mutable_vm()->mutable_labels())["env"] = "prod";
  m.mutable_host()->set_name("kvm7");
  m.mutable_host()->set_marrow_version("0.1.0");
  m.set_trigger(v1::TRIGGER_HEARTBEAT_LOST);
  m.mutable_kernel()->set_release("6.1.0-42-amd64");
  m.mutable_kernel()->set_build_id("00112233");
  m.mutable_kernel()->set_kaslr_offset(0x1a000000);
  m.add_vcpus();
  m.set_register_source(v1::REGISTER_SOURCE_PAUSED);
  m.set_table_source(v1::TABLE_SOURCE_LIVE);
  m.mutable_stats()->mutable_stopped()->set_nanos(1'250'000);
  v1::Region& region = *m.add_regions();
  region.set_id(7);
  region.set_name("log_buf");
  region.set_region_class(v1::REGION_CLASS_LOG);
  region.set_gpa(0x1000000);
  region.set_size_bytes(131072);
  region.set_captured_bytes(131072);
  return dump;
}

Outcome CliTest::Run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"--store", store_.address()});
  std::ostringstream out;
  std::ostringstream err;
  Environment environment{.out = out,
                          .err = err,
                          .files = *files_,
                          .show_progress = show_progress_,
                          .variable = [this](const char* name) { return variables_[name]; },
                          .execute =
                              [this](const std::vector<std::string>& command) {
                                executed_ = command;
                                return absl::OkStatus();
                              }};
  const ExitCode code = RunCli(arguments, environment);
  return {code, out.str(), err.str()};
}

std::string CliTest::Contents(const std::string& path) {
  const auto contents = ReadWholeFile(*files_, path, 64 << 20);
  return contents.ok() ? *contents : std::string(contents.status().message());
}

}  // namespace marrow::cli
