// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/derivation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/vmm_backend/derive/fake_kernel.h"
#include "vmm_backend/capture/capture.h"
#include "vmm_backend/elfcore/vmcoreinfo.h"

namespace marrow {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Property;

auto Missing(const char* what, const char* why) {
  return Contains(
      AllOf(Property(&v1::Missing::what, what), Property(&v1::Missing::why, HasSubstr(why))));
}

// A VM whose guest never heard of Marrow.
class NoAgent : public testing::Test {
 protected:
  NoAgent() {
    kernel_.WriteSymbols();
    control_.vcpus.resize(1);
    const auto parsed =
        profile::ParseProfile("symbol init_uts_ns size 400\nsymbol absent size 8\n", "test");
    EXPECT_TRUE(parsed.ok());
    profile_ = *parsed;
    policy_.profile = &profile_;
  }

  CapturedDump Run() {
    const CaptureSubject subject{.memory = &kernel_.memory(),
                                 .control = vmm_alive_ ? &control_ : nullptr};
    absl::StatusOr<CapturedDump> dump =
        Capture(subject, policy_, order_, [] { return absl::ZeroDuration(); });
    EXPECT_TRUE(dump.ok()) << dump.status();
    return *std::move(dump);
  }

  FakeKernel kernel_;
  FakeVmControl control_;
  bool vmm_alive_ = true;
  profile::Profile profile_;
  CapturePolicy policy_;
  CaptureOrder order_;
};

TEST_F(NoAgent, GivesADumpOfWhatTheKernelTells) {
  control_.vmcoreinfo = kernel_.VmcoreinfoText();
  const v1::Manifest manifest = Run().manifest;
  EXPECT_EQ(manifest.table_source(), v1::TABLE_SOURCE_DERIVED);
  ASSERT_EQ(manifest.regions_size(), 1);
  EXPECT_EQ(manifest.regions(0).name(), "init_uts_ns");
  EXPECT_EQ(manifest.regions(0).captured_bytes(), 400u);
  EXPECT_EQ(manifest.kernel().release(), FakeKernel::kRelease);
  EXPECT_THAT(manifest.missing(), Missing("region table of an agent", "VMCOREINFO, 2 symbols"));
  EXPECT_THAT(manifest.missing(), Missing("derived region table", "no graph"));
  EXPECT_THAT(manifest.missing(), Missing("profile line", "absent"));
}

TEST_F(NoAgent, FindsVmcoreinfoInMemoryWhereTheVmmKnowsNone) {
  kernel_.memory().Write(0x30'0000, kernel_.VmcoreinfoText());
  EXPECT_EQ(Run().manifest.table_source(), v1::TABLE_SOURCE_DERIVED);
  vmm_alive_ = false;
  const v1::Manifest manifest = Run().manifest;
  EXPECT_EQ(manifest.table_source(), v1::TABLE_SOURCE_DERIVED);
  EXPECT_EQ(manifest.kernel().release(), FakeKernel::kRelease);
}

TEST_F(NoAgent, SaysWhyThereIsNothing) {
  const v1::Manifest manifest = Run().manifest;
  EXPECT_EQ(manifest.table_source(), v1::TABLE_SOURCE_NONE);
  EXPECT_THAT(manifest.missing(), Missing("region table at the trigger", "no window"));
  EXPECT_THAT(manifest.missing(), Missing("derived region table", "vmcoreinfo device"));
}

TEST_F(NoAgent, IsNotAskedWhereATableIsKnown) {
  control_.vmcoreinfo = kernel_.VmcoreinfoText();
  const RegionTable last_good;
  absl::StatusOr<CapturedDump> dump =
      Capture({.last_good = &last_good, .memory = &kernel_.memory(), .control = &control_}, policy_,
              order_, [] { return absl::ZeroDuration(); });
  ASSERT_TRUE(dump.ok());
  EXPECT_EQ(dump->manifest.table_source(), v1::TABLE_SOURCE_LAST_GOOD);
  EXPECT_THAT(dump->manifest.regions(), IsEmpty());
}

TEST(DerivationLosses, AreBounded) {
  DerivedTable derived;
  derived.missing_lines.assign(100, "crash:1: no symbol");
  std::vector<MissingPart> missing;
  AddDerivationLosses(derived, missing);
  EXPECT_EQ(missing.size(), 1u + 32u + 1u);
  EXPECT_EQ(missing.back().what, "68 further profile lines");
}

TEST(DerivationLosses, AreCut) {
  DerivedTable derived;
  derived.lost = {std::string(5000, 'l')};
  derived.missing_lines = {std::string(5000, 'm')};
  std::vector<MissingPart> missing;
  AddDerivationLosses(derived, missing);
  for (const MissingPart& part : missing) EXPECT_LE(part.why.size(), 512u) << part.what;
}

TEST(Derivation, HasAShippedProfile) {
  FakeKernel kernel;
  kernel.WriteSymbols();
  const std::vector<VcpuState> none;
  const std::string vmcoreinfo = kernel.VmcoreinfoText();
  const auto derived = DeriveWithoutAgent(
      {.memory = kernel.memory(), .vcpus = none, .vmcoreinfo = vmcoreinfo, .limits = {}});
  ASSERT_TRUE(derived.ok()) << derived.status();
  EXPECT_THAT(derived->table.regions, Not(IsEmpty()));
}

}  // namespace
}  // namespace marrow
