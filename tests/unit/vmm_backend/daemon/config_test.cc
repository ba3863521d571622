// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "vmm_backend/posix/file_system.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr absl::string_view kOneVm =
    "vms:\n"
    "  - name: web-1\n"
    "    qmp: /run/web-1.qmp\n"
    "    window: /dev/shm/web-1\n";

// `extra` goes in front of a document that is valid by itself.
absl::StatusOr<DaemonConfig> Parse(absl::string_view extra) {
  return ParseConfig(absl::StrCat(extra, kOneVm), "host-1");
}
std::string ErrorOf(absl::string_view extra) {
  return std::string(Parse(extra).status().message());
}
// As ErrorOf, for lines of the VM.
std::string VmErrorOf(absl::string_view extra) {
  return std::string(ParseConfig(absl::StrCat(kOneVm, extra), "host-1").status().message());
}

TEST(Config, NeedsOnlyVms) {
  auto config = Parse("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->host_name, "host-1");
  EXPECT_EQ(config->store.address, "127.0.0.1:7070");
  ASSERT_EQ(config->vms.size(), 1U);
  const VmConfig& vm = config->vms[0];
  EXPECT_EQ(vm.name, "web-1");
  EXPECT_EQ(vm.qmp_path, "/run/web-1.qmp");
  EXPECT_EQ(vm.window_path, "/dev/shm/web-1");
  EXPECT_EQ(vm.window_bytes, 65536U);
  EXPECT_EQ(vm.after, AfterCapture::kLeave);
  EXPECT_EQ(vm.excluded_classes, ClassSet(1U << MARROW_CLASS_SECRET));
}

TEST(Config, ReadsEveryKey) {
  auto config = ParseConfig(R"(
host: h
control: /run/c.sock
log_level: debug
store: {address: "store:1", tls_ca: /ca, tls_certificate: /crt, tls_key: /key}
spool: {directory: /s, max_bytes: 2GiB, max_entries: 7, min_free: 3MiB}
limits: {max_regions: 9, max_region_bytes: 1MiB, max_capture_bytes: 2MiB}
vms:
  - name: a
    qmp: /q
    window: /w
    window_size: 1MiB
    after: destroy
    heartbeat_misses: 3
    min_heartbeat_deadline: 1500ms
    capture_on_reset: false
    exclude_classes: [user, secret]
    labels: {team: infra, tier: "1"}
)",
                            "ignored");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->host_name, "h");
  EXPECT_EQ(config->control_path, "/run/c.sock");
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->store.address, "store:1");
  EXPECT_EQ(config->store.tls_ca_path, "/ca");
  EXPECT_EQ(config->store.tls_certificate_path, "/crt");
  EXPECT_EQ(config->store.tls_key_path, "/key");
  EXPECT_EQ(config->spool.directory, "/s");
  EXPECT_EQ(config->spool.max_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(config->spool.max_entries, 7U);
  EXPECT_EQ(config->spool.min_free_bytes, 3U << 20);
  EXPECT_EQ(config->limits.table.regions, 9U);
  EXPECT_EQ(config->limits.capture.region_bytes, 1U << 20);
  EXPECT_EQ(config->limits.capture.capture_bytes, 2U << 20);
  const VmConfig& vm = config->vms.at(0);
  EXPECT_EQ(vm.window_bytes, 1U << 20);
  EXPECT_EQ(vm.after, AfterCapture::kDestroy);
  EXPECT_EQ(vm.heartbeat_misses, 3U);
  EXPECT_EQ(vm.min_heartbeat_deadline, absl::Milliseconds(1500));
  EXPECT_FALSE(vm.capture_on_reset);
  EXPECT_EQ(vm.excluded_classes, ClassSet((1U << MARROW_CLASS_USER) | (1U << MARROW_CLASS_SECRET)));
  EXPECT_THAT(vm.labels, ElementsAre(Pair("team", "infra"), Pair("tier", "1")));
}

TEST(Config, EmptyListOfClassesExcludesNone) {
  auto config = ParseConfig(absl::StrCat(kOneVm, "    exclude_classes: []\n"), "h");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->vms[0].excluded_classes.none());
}

TEST(Config, ShippedExampleIsValid) {
  const auto files = MakePosixFileSystem();
  auto text = ReadWholeFile(*files, MARROW_EXAMPLE_CONFIG, 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  auto config = ParseConfig(*text, "host-1");
  EXPECT_TRUE(config.ok()) << config.status();
}

TEST(Config, NamesTheUnknownKeyAndWhatIsKnown) {
  EXPECT_EQ(ErrorOf("spol: {}\n"),
            "line 1, column 1: spol: unknown key; known here: host, control, log_level, store, "
            "spool, limits, vms");
  EXPECT_EQ(VmErrorOf("    nmae: x\n").substr(0, 38), "line 5, column 5: vms[0].nmae: unknown");
}

struct BadConfig {
  absl::string_view yaml;
  absl::string_view error;
};

TEST(Config, SaysWhereAndWhatIsWrong) {
  const BadConfig kCases[] = {
      {"host: h\nhost: i\n", "line 2, column 1: host: is given twice"},
      {"spool: 5\n", "line 1, column 8: spool: must be a mapping"},
      {"spool:\n", "spool: must be a mapping"},
      {"spool: {max_bytes: 5MB}\n", "line 1, column 20: spool.max_bytes: \"5MB\" is not a size"},
      {"spool: {max_bytes: [1]}\n", "spool.max_bytes: must be a single value"},
      {"spool: {max_entries: 0}\n", "spool.max_entries: \"0\" is not a count"},
      {"spool: {max_bytes: 1MiB}\n", "limits: max_capture_bytes is"},
      {"spool: {directory: spool}\n", "\"spool\" is not an absolute path"},
      {"log_level: loud\n", "\"loud\" is not one of trace, debug, info, warn, error"},
      {"host: a b\n", "host: \"a b\" is not a name"},
      {"store: {address: \"store.example:7070\"}\n",
       "store.address: store store.example:7070 is not"},
      {"store: {tls_ca: /ca}\n", "needs all of"},
      {"? [a]\n: b\n", "keys must be plain text"},
      {"spool: {a: b\n", "line "},
      {"a: b: c\n", "line 1, column 5: "},
  };
  for (const auto& [yaml, error] : kCases) {
    EXPECT_THAT(ErrorOf(yaml), HasSubstr(std::string(error))) << yaml;
  }
}

TEST(Config, SaysWhatIsWrongWithAVm) {
  const BadConfig kCases[] = {
      {"    window_size: 96KiB\n", "line 5, column 18: vms[0].window_size: \"96KiB\" is not a"},
      {"    window_size: 2KiB\n", "is not a window size"},
      {"    window_size: 32MiB\n", "is not a window size"},
      {"    after: stop\n", "\"stop\" is not one of leave, resume, reset, destroy"},
      {"    heartbeat_misses: -1\n", "is not a count"},
      {"    min_heartbeat_deadline: 0s\n", "is not a duration"},
      {"    min_heartbeat_deadline: inf\n", "is not a duration"},
      {"    capture_on_reset: yes\n", "\"yes\" is not one of true, false"},
      {"    exclude_classes: secret\n", "must be a list"},
      {"    exclude_classes: [password]\n", "is not one of kernel-data, log, task, user, secret"},
      {"    exclude_classes: [[user]]\n", "elements must be single values"},
      {"    labels: [a]\n", "vms[0].labels: must be a mapping"},
      {"    labels: {a: [b]}\n", "vms[0].labels.a: must be a single value"},
      {"    labels: {a b: c}\n", "\"a b\" is not a name"},
      {"    labels: {a: \"b\\e[31m\"}\n", "must not contain control characters"},

      {"  - {}\n", "vms[1]: `name` is missing: add it"},
      {"  - {name: web-1, qmp: /q, window: /w}\n", "line 5, column 12: vms[1].name: \"web-1\" is"},
      {"  - {name: b, qmp: /run/web-1.qmp, window: /w}\n", "vms[1].qmp"},
      {"  - {name: b, qmp: /q, window: /dev/shm/web-1}\n", "vms[1].window"},
      {"  - {name: ../b, qmp: /q, window: /w}\n", "\"../b\" is not a name"},
  };
  for (const auto& [yaml, error] : kCases) {
    EXPECT_THAT(VmErrorOf(yaml), HasSubstr(std::string(error))) << yaml;
  }
}

TEST(Config, TakesOnlyLabelsThatAStoreTakes) {
  EXPECT_THAT(VmErrorOf("    labels: {" + std::string(64, 'k') + ": v}\n"),
              HasSubstr("at most 63 bytes"));
  EXPECT_THAT(VmErrorOf("    labels: {a: " + std::string(256, 'v') + "}\n"),
              HasSubstr("its value 255"));
}

TEST(Config, NeedsOneDocumentWithVms) {
  const BadConfig kCases[] = {
      {"", "holds 0 YAML documents"}, {"# nothing\n", "holds 0 YAML documents"},
      {"vms: []\n", "vms: is empty"}, {"{}\n", "`vms` is missing"},
      {"- a\n", "must be a mapping"}, {"a: b\n---\nc: d\n", "holds 2 YAML documents"},
  };
  for (const auto& [yaml, error] : kCases) {
    EXPECT_THAT(std::string(ParseConfig(yaml, "h").status().message()),
                HasSubstr(std::string(error)))
        << yaml;
  }
}

TEST(Config, RefusesHugeAndDeepText) {
  EXPECT_FALSE(ParseConfig(std::string(5 << 20, '#'), "h").ok());
  EXPECT_FALSE(ParseConfig(std::string(100'000, '['), "h").ok());
}

TEST(Config, AsksForAHostNameWhereTheMachineHasNone) {
  EXPECT_THAT(std::string(ParseConfig(kOneVm, "(none)").status().message()),
              HasSubstr("set `host`"));
}

}  // namespace
}  // namespace marrow
