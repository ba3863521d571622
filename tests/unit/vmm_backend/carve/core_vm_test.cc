// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/carve/core_vm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vmm_backend/elfcore/core_writer.h"

namespace marrow {
namespace {

using testing::ElementsAre;

// Pages 1, 2 and 5, filled with their numbers; page 2 has an alias.
std::string SampleCore() {
  const std::string ones(kPageBytes, 1), twos(kPageBytes, 2), fives(kPageBytes, 5);
  const auto layout = LayOutCore(
      {.pages = {Gpa{0x1000}, Gpa{0x2000}, Gpa{0x5000}},
       .aliases = {{.gva = Gva{0xffff'ffff'8000'0000}, .gpa = Gpa{0x2000}, .bytes = kPageBytes}}});
  EXPECT_TRUE(layout.ok()) << layout.status();
  StringSink sink;
  const auto page = [&](std::size_t i) { return AsBytes(i == 0 ? ones : i == 1 ? twos : fives); };
  EXPECT_TRUE(WriteCore(*layout, page, sink).ok());
  return sink.text;
}

class CoreMemoryTest : public testing::Test {
 protected:
  CoreMemoryTest() : core_(CoreReader::Open(source_)) {}

  const std::string file_ = SampleCore();
  SpanSource source_{AsBytes(file_)};
  absl::StatusOr<CoreReader> core_;
};

TEST_F(CoreMemoryTest, IsEveryPageOnce) {
  const auto memory = CoreMemory::Open(*core_);
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_THAT(memory->ram().ranges(),
              ElementsAre(GpaRange{.begin = Gpa{0x1000}, .bytes = 2 * kPageBytes},
                          GpaRange{.begin = Gpa{0x5000}, .bytes = kPageBytes}));
}

TEST_F(CoreMemoryTest, ReadsAcrossSegmentsAndNoHoles) {
  const auto memory = CoreMemory::Open(*core_);
  std::string bytes(4, '\0');
  const auto out = std::as_writable_bytes(std::span(bytes));
  ASSERT_TRUE(memory->Read(Gpa{0x1ffe}, out).ok());
  EXPECT_EQ(bytes, std::string("\1\1\2\2"));
  EXPECT_EQ(memory->Read(Gpa{0x2ffe}, out).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(memory->Read(Gpa{0}, out).code(), absl::StatusCode::kOutOfRange);
}

TEST(CoreMemoryOfNothing, IsRefused) {
  const auto layout = LayOutCore({});
  StringSink sink;
  ASSERT_TRUE(WriteCore(
                  *layout, [](std::size_t) { return Bytes(); }, sink)
                  .ok());
  const SpanSource source(AsBytes(sink.text));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_EQ(CoreMemory::Open(*core).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CoreVm, StandsStillForEver) {
  CoreVm vm({.vcpus = std::vector<VcpuState>(3), .vmcoreinfo = "OSRELEASE=6.1.0\n"});
  EXPECT_EQ(*vm.Pause(), false);
  EXPECT_EQ(vm.ReadStopped()->vcpus.size(), 3u);
  EXPECT_EQ(vm.ReadStopped()->vmcoreinfo, "OSRELEASE=6.1.0\n");
  for (const absl::Status& status : {vm.Resume(), vm.Reset(), vm.Destroy()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  }
}

}  // namespace
}  // namespace marrow
