// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/capture/capture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "marrow/guest.h"
#include "tests/fakes/fake_vm.h"
#include "vmm_backend/elfcore/core_reader.h"
#include "vmm_backend/elfcore/prstatus.h"

namespace marrow {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr absl::string_view kVmcoreinfo = "OSRELEASE=6.1.0-test\nBUILD-ID=abcd\n";

// A guest with a log at 0x10000 and VMCOREINFO at 0x20000, described by the real guest library.
class CaptureTest : public testing::Test {
 protected:
  CaptureTest() {
    memory_.Write(0x10000, "the kernel log");
    memory_.Write(0x20000, kVmcoreinfo);
    control_.vcpus.resize(2);
    control_.vcpus[1].registers.rip = 0x1234;
    EXPECT_EQ(guest_.Attach(window_.guest(), window_.size()), guest::Error::kNone);
    EXPECT_EQ(guest_.Claim({.boot_id = {7}, .writer = MARROW_WRITER_BARE}), guest::Error::kNone);
    marrow_facts facts{};
    facts.vmcoreinfo_gpa = 0x20000;
    facts.vmcoreinfo_bytes = kVmcoreinfo.size();
    facts.direct_map = 0xffff'8880'0000'0000;
    EXPECT_EQ(guest_.SetFacts(facts), guest::Error::kNone);
    Register(1, 0x10000, 14, "log");
  }

  void Register(std::uint64_t id, std::uint64_t gpa, std::uint64_t size, const char* name) {
    EXPECT_EQ(guest_.Register({.id = id,
                               .address = gpa,
                               .size = size,
                               .kind = MARROW_ADDRESS_GPA,
                               .region_class = MARROW_CLASS_LOG,
                               .name = name}),
              guest::Error::kNone);
  }

  CapturedDump Run() {
    CaptureSubject subject{.window = &window_,
                           .last_good = last_good_ ? &*last_good_ : nullptr,
                           .memory = &memory_,
                           .control = vmm_alive_ ? &control_ : nullptr};
    subject.vm.set_name("vm");
    const MonotonicClock clock = [this] { return now_ += absl::Milliseconds(1); };
    absl::StatusOr<CapturedDump> dump = Capture(subject, policy_, order_, clock);
    EXPECT_TRUE(dump.ok()) << dump.status();
    return *std::move(dump);
  }

  std::string File(const CapturedDump& dump) {
    StringSink sink;
    EXPECT_TRUE(WriteCore(
                    dump.layout, [&](std::size_t i) { return dump.pages.Page(i); }, sink)
                    .ok());
    return sink.text;
  }

  static std::vector<std::string> WhatIsMissing(const CapturedDump& dump) {
    std::vector<std::string> what;
    for (const v1::Missing& missing : dump.manifest.missing()) {
      what.push_back(missing.what() + ": " + missing.why());
    }
    return what;
  }

  FakeWindow window_;
  guest::Window guest_;
  FakeGuestMemory memory_{{{Gpa{0}, 1 << 20}}};
  FakeVmControl control_;
  std::optional<RegionTable> last_good_;
  bool vmm_alive_ = true;
  CapturePolicy policy_;
  CaptureOrder order_{.dump_id = "01aryz6s410000000000000000",
                      .trigger = v1::TRIGGER_PANIC,
                      .detail = "why",
                      .time = absl::FromUnixSeconds(1000)};
  absl::Duration now_;
};

TEST_F(CaptureTest, MakesACoreThatHoldsTheMarkedMemory) {
  const CapturedDump dump = Run();
  const std::string file = File(dump);
  const SpanSource source(AsBytes(file));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  std::string log(14, '\0');
  const auto out = std::as_writable_bytes(std::span(log));
  ASSERT_TRUE(core->ReadPhysical(Gpa{0x10000}, out).ok());
  EXPECT_EQ(log, "the kernel log");
  ASSERT_TRUE(core->ReadVirtual(Gva{0xffff'8880'0001'0000}, out).ok());
  EXPECT_EQ(core->vmcoreinfo().release(), "6.1.0-test");
  EXPECT_EQ(DecodePrstatus(core->notes()[1].descriptor)->rip, 0x1234u);
}

TEST_F(CaptureTest, PutsTheSameManifestInsideAndBeside) {
  const CapturedDump dump = Run();
  const std::string file = File(dump);
  const SpanSource source(AsBytes(file));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  const CoreNote* note = core->FindNote("MARROW", 1);
  ASSERT_NE(note, nullptr);
  EXPECT_EQ(note->descriptor, dump.manifest.SerializeAsString());
}

TEST_F(CaptureTest, DescribesItselfInTheManifest) {
  const v1::Manifest manifest = Run().manifest;
  EXPECT_EQ(manifest.dump_id(), order_.dump_id);
  EXPECT_EQ(manifest.capture_time().seconds(), 1000);
  EXPECT_EQ(manifest.vm().name(), "vm");
  EXPECT_EQ(manifest.vm().ram_bytes(), 1u << 20);
  EXPECT_EQ(manifest.trigger(), v1::TRIGGER_PANIC);
  EXPECT_EQ(manifest.kernel().release(), "6.1.0-test");
  EXPECT_EQ(manifest.kernel().build_id(), "abcd");
  EXPECT_EQ(manifest.table_source(), v1::TABLE_SOURCE_LIVE);
  EXPECT_EQ(manifest.register_source(), v1::REGISTER_SOURCE_PAUSED);
  EXPECT_EQ(manifest.boot_id(), "07000000-0000-0000-0000-000000000000");
  ASSERT_EQ(manifest.regions_size(), 1);
  EXPECT_EQ(manifest.regions(0).captured_bytes(), 14u);
  EXPECT_EQ(manifest.vcpus_size(), 2);
  EXPECT_EQ(manifest.missing_size(), 0);
  EXPECT_GT(manifest.stats().stopped().nanos(), 0);
}

TEST_F(CaptureTest, ReleasesTheVmBeforeItReturns) {
  Run();
  EXPECT_THAT(control_.calls, ElementsAre("pause", "read vcpus", "resume"));
}

TEST_F(CaptureTest, LeavesARunningGuestAloneWhereToldTo) {
  order_.pause = false;
  const CapturedDump dump = Run();
  EXPECT_THAT(control_.calls, ElementsAre("read running vcpus"));
  EXPECT_EQ(dump.manifest.register_source(), v1::REGISTER_SOURCE_RUNNING);
  EXPECT_EQ(dump.manifest.stats().stopped().nanos(), 0);
}

TEST_F(CaptureTest, UsesTheLastGoodTableWhenTheLiveOneIsDamaged) {
  last_good_ = *ReadRegionTable(window_, {});
  window_.Corrupt(MARROW_HEADER_BYTES + 8);
  const CapturedDump dump = Run();
  EXPECT_EQ(dump.manifest.table_source(), v1::TABLE_SOURCE_LAST_GOOD);
  EXPECT_EQ(dump.manifest.regions_size(), 1);
  EXPECT_THAT(WhatIsMissing(dump), Contains(HasSubstr("CRC-32C")));
}

TEST_F(CaptureTest, SaysThatThereIsNoTable) {
  window_.ClearGuest().IgnoreError();
  const CapturedDump dump = Run();
  EXPECT_EQ(dump.manifest.table_source(), v1::TABLE_SOURCE_NONE);
  EXPECT_THAT(WhatIsMissing(dump), Contains(HasSubstr("no guest has attached")));
  EXPECT_EQ(dump.manifest.vcpus_size(), 2);
}

TEST_F(CaptureTest, SaysThatRegistersDiedWithTheVmm) {
  vmm_alive_ = false;
  const CapturedDump dump = Run();
  EXPECT_EQ(dump.manifest.register_source(), v1::REGISTER_SOURCE_NONE);
  EXPECT_THAT(WhatIsMissing(dump), ElementsAre(HasSubstr("vCPU registers: they died")));
  EXPECT_THAT(dump.pages.pages, SizeIs(1));
}

TEST_F(CaptureTest, GoesOnWhenTheVmmDoesNotAnswer) {
  control_.next_error = absl::DeadlineExceededError("QEMU does not answer");
  const CapturedDump dump = Run();
  EXPECT_THAT(WhatIsMissing(dump), Contains(HasSubstr("could not be paused")));
  EXPECT_THAT(WhatIsMissing(dump), Contains(HasSubstr("vCPU registers")));
  EXPECT_THAT(dump.pages.pages, SizeIs(1));
}

TEST_F(CaptureTest, AppliesThePolicyToAVmThatCouldNotBePaused) {
  control_.next_error = absl::DeadlineExceededError("QEMU does not answer");
  order_.after = AfterCapture::kReset;
  const CapturedDump dump = Run();
  EXPECT_THAT(control_.calls, Contains("reset"));
  EXPECT_EQ(dump.after, control_.next_error);
}

TEST_F(CaptureTest, LeavesRegistersOutThatAreOfAnotherBoot) {
  order_.registers = false;
  const CapturedDump dump = Run();
  EXPECT_EQ(dump.manifest.vcpus_size(), 0);
  EXPECT_EQ(dump.manifest.register_source(), v1::REGISTER_SOURCE_NONE);
  EXPECT_THAT(WhatIsMissing(dump), ElementsAre(HasSubstr("reset before the host looked")));
}

TEST_F(CaptureTest, CountsWhatItCouldNotRead) {
  Register(2, 0x30000, 0x3000, "broken");
  memory_.Break(0x31000);
  const CapturedDump dump = Run();
  EXPECT_EQ(dump.manifest.regions(1).captured_bytes(), 0x2000u);
  ASSERT_EQ(dump.manifest.missing_size(), 1);
  EXPECT_EQ(dump.manifest.missing(0).address(), 0x31000u);
}

TEST_F(CaptureTest, CountsThePagesThatItCouldNotReadOverTheLimit) {
  policy_.capture.missing = 1;
  memory_.Break(0x30000);
  memory_.Break(0x32000);
  Register(2, 0x30000, 0x3000, "bad");
  EXPECT_THAT(WhatIsMissing(Run()), Contains("1 further parts: not listed one by one"));
}

TEST_F(CaptureTest, KeepsThePanicRecord) {
  EXPECT_EQ(guest_.FillPanicRecord({.cpu = 1,
                                    .ip = 2,
                                    .sp = 3,
                                    .reason = MARROW_PANIC_PANIC,
                                    .text = "Fatal exception\x1b[31m"}),
            guest::Error::kNone);
  const v1::Manifest manifest = Run().manifest;
  ASSERT_TRUE(manifest.has_panic());
  EXPECT_EQ(manifest.panic().cpu(), 1u);
  EXPECT_EQ(manifest.panic().text(), "Fatal exception?[31m");
}

TEST_F(CaptureTest, LetsNoGuestWriteAManifestThatAStoreRefuses) {
  const std::string hostile = "OSRELEASE=" + std::string(3000, 'r') + "\nBUILD-ID=not hex\n";
  memory_.Write(0x20000, hostile);
  marrow_facts facts{};
  facts.vmcoreinfo_gpa = 0x20000;
  facts.vmcoreinfo_bytes = hostile.size();
  EXPECT_EQ(guest_.SetFacts(facts), guest::Error::kNone);
  order_.detail = std::string(100'000, 'd');
  const v1::Manifest manifest = Run().manifest;
  EXPECT_EQ(manifest.kernel().release(), std::string(64, 'r'));
  EXPECT_EQ(manifest.kernel().build_id(), "");
  EXPECT_EQ(manifest.trigger_detail().size(), 1024u);
}

TEST_F(CaptureTest, SurvivesAVmcoreinfoThatIsNowhere) {
  marrow_facts facts{};
  facts.vmcoreinfo_gpa = ~std::uint64_t{0};
  facts.vmcoreinfo_bytes = ~std::uint64_t{0};
  EXPECT_EQ(guest_.SetFacts(facts), guest::Error::kNone);
  EXPECT_THAT(WhatIsMissing(Run()), ElementsAre(HasSubstr("VMCOREINFO")));
}

TEST_F(CaptureTest, ReportsAPolicyThatFailedAndKeepsTheDump) {
  class FailingReset : public VmControl {
   public:
    absl::StatusOr<bool> Pause() override { return false; }
    absl::Status Resume() override { return absl::OkStatus(); }
    absl::Status Reset() override { return absl::InternalError("stuck"); }
    absl::Status Destroy() override { return absl::OkStatus(); }
    absl::StatusOr<StoppedVm> ReadStopped() override {
      return StoppedVm{.vcpus = std::vector<VcpuState>(1)};
    }
    absl::StatusOr<std::vector<VcpuState>> ReadRunningVcpus() override {
      return std::vector<VcpuState>(1);
    }
  } control;
  order_.after = AfterCapture::kReset;
  const CaptureSubject subject{.window = &window_, .memory = &memory_, .control = &control};
  const auto dump = Capture(subject, policy_, order_, [] { return absl::ZeroDuration(); });
  ASSERT_TRUE(dump.ok());
  EXPECT_EQ(dump->after.message(), "stuck");
  EXPECT_THAT(dump->pages.pages, SizeIs(1));
}

}  // namespace
}  // namespace marrow
