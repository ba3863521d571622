// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/manifest_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "tests/fakes/sample_dump.h"

namespace marrow {
namespace {

using testing::HasSubstr;

TEST(ManifestCheck, AcceptsWhatHostsSend) {
  EXPECT_TRUE(CheckManifest(SampleManifest(4)).ok()) << CheckManifest(SampleManifest(4));
}

TEST(ManifestCheck, AcceptsTriggersThatItDoesNotKnowYet) {
  v1::Manifest manifest = SampleManifest(1);
  manifest.set_trigger(static_cast<v1::Trigger>(77));
  EXPECT_TRUE(CheckManifest(manifest).ok());
}

struct Case {
  const char* field;
  std::function<void(v1::Manifest&)> spoil;
};

class ManifestCheckRefuses : public testing::TestWithParam<Case> {};

TEST_P(ManifestCheckRefuses, AndNamesTheField) {
  v1::Manifest manifest = SampleManifest(1);
  GetParam().spoil(manifest);
  const absl::Status status = CheckManifest(manifest);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(ReasonOf(status), "MANIFEST_INVALID");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("manifest.", GetParam().field)));
}

std::string Long(std::size_t bytes) { return std::string(bytes, 'x'); }

constexpr int kTooMany = (1 << 16) + 1;

template <typename Entries>
void AddEmpty(Entries& entries, int count) {
  for (int i = 0; i < count; ++i) entries.Add();
}

INSTANTIATE_TEST_SUITE_P(
    Fields, ManifestCheckRefuses,
    testing::Values(
        Case{"dump_id", [](auto& m) { m.clear_dump_id(); }},
        Case{"dump_id", [](auto& m) { m.set_dump_id("../../../../../../etc/passwd"); }},
        Case{"dump_id", [](auto& m) { m.set_dump_id("01ARZ3NDEKTSV4RRFFQ69G5FAV"); }},
        Case{"trigger", [](auto& m) { m.clear_trigger(); }},
        Case{"capture_time", [](auto& m) { m.clear_capture_time(); }},
        Case{"capture_time", [](auto& m) { m.mutable_capture_time()->set_seconds(-1); }},
        Case{"capture_time", [](auto& m) { m.mutable_capture_time()->set_seconds(1LL << 40); }},
        Case{"capture_time", [](auto& m) { m.mutable_capture_time()->set_nanos(1'000'000'000); }},
        Case{"capture_time", [](auto& m) { m.mutable_capture_time()->set_nanos(-1); }},
        Case{"vm.name", [](auto& m) { m.mutable_vm()->clear_name(); }},
        Case{"vm.name", [](auto& m) { m.mutable_vm()->set_name(Long(256)); }},
        Case{"vm.name", [](auto& m) { m.mutable_vm()->set_name("a\x1b[2J"); }},
        Case{"host.name", [](auto& m) { m.clear_host(); }},
        Case{"vm.uuid", [](auto& m) { m.mutable_vm()->set_uuid(Long(256)); }},
        Case{"vm.labels", [](auto& m) { (*m.mutable_vm()->mutable_labels())[""] = "x"; }},
        Case{"vm.labels", [](auto& m) { (*m.mutable_vm()->mutable_labels())["a b"] = "x"; }},
        Case{"vm.labels", [](auto& m) { (*m.mutable_vm()->mutable_labels())[Long(64)] = "x"; }},
        Case{"vm.labels", [](auto& m) { (*m.mutable_vm()->mutable_labels())["a"] = Long(256); }},
        Case{"vm.labels",
             [](auto& m) {
               for (int i = 0; i < 65; ++i) {
                 (*m.mutable_vm()->mutable_labels())[absl::StrCat("k", i)] = "";
               }
             }},
        Case{"kernel.release", [](auto& m) { m.mutable_kernel()->set_release("6.1\n"); }},
        Case{"kernel.build_id", [](auto& m) { m.mutable_kernel()->set_build_id("DEAD"); }},
        Case{"kernel.build_id", [](auto& m) { m.mutable_kernel()->set_build_id(Long(129)); }},
        Case{"trigger_detail", [](auto& m) { m.set_trigger_detail(Long(4097)); }},
        Case{"host.marrow_version",
             [](auto& m) { m.mutable_host()->set_marrow_version("1\x1b[2J"); }},
        Case{"boot_id", [](auto& m) { m.set_boot_id("b\n"); }},
        Case{"boot_id", [](auto& m) { m.set_boot_id(Long(256)); }},
        Case{"panic.text", [](auto& m) { m.mutable_panic()->set_text("\x7f"); }},
        Case{"panic.text", [](auto& m) { m.mutable_panic()->set_text(Long(4097)); }},
        Case{"regions.name", [](auto& m) { m.add_regions()->set_name("\x1b]0;"); }},
        Case{"regions.name", [](auto& m) { m.add_regions()->set_name(Long(256)); }},
        Case{"graph_roots.name", [](auto& m) { m.add_graph_roots()->set_name(Long(256)); }},
        Case{"graph_roots.truncated", [](auto& m) { m.add_graph_roots()->set_truncated("\n"); }},
        Case{"graph_roots", [](auto& m) { AddEmpty(*m.mutable_graph_roots(), kTooMany); }},
        Case{"missing.what", [](auto& m) { m.add_missing()->set_what("\r"); }},
        Case{"missing.why", [](auto& m) { m.add_missing()->set_why(Long(4097)); }},
        Case{"vcpus", [](auto& m) { AddEmpty(*m.mutable_vcpus(), kTooMany); }},
        Case{"regions", [](auto& m) { AddEmpty(*m.mutable_regions(), kTooMany); }},
        Case{"missing", [](auto& m) { AddEmpty(*m.mutable_missing(), kTooMany); }}));

}  // namespace
}  // namespace marrow
