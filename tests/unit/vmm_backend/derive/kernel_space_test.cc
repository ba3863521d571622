// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/kernel_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/vmm_backend/derive/fake_kernel.h"

namespace marrow {
namespace {

constexpr std::uint64_t kRoot = FakeKernel::kImageGpa + FakeKernel::kTopTable;

absl::StatusOr<KernelSpace> Find(const FakeKernel& kernel, std::vector<VcpuState> vcpus = {}) {
  const auto info = profile::Vmcoreinfo::Parse(kernel.VmcoreinfoText());
  return FindKernelSpace(kernel.reader(), info, FakeKernel::kRelease, vcpus);
}

VcpuState WithCr3(std::uint64_t cr3) {
  VcpuState vcpu;
  vcpu.cr3 = cr3;
  return vcpu;
}

TEST(KernelSpace, IsFoundByVmcoreinfo) {
  const FakeKernel kernel;
  const auto space = Find(kernel);
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_EQ(Raw(space->root().table), kRoot);
  EXPECT_EQ(space->Physical(FakeKernel::Gva(0x12345)), FakeKernel::kImageGpa + 0x12345);
}

TEST(KernelSpace, IsFoundByCr3WhereVmcoreinfoLacksPhysBase) {
  FakeKernel kernel;
  kernel.vmcoreinfo.erase("NUMBER(phys_base)");
  EXPECT_FALSE(Find(kernel).ok());
  // Flags, a PCID, and the bit of the user's tables are no part of the address.
  for (const std::uint64_t cr3 : {kRoot, kRoot | 0x801, kRoot | 0x1801 | std::uint64_t{1} << 63}) {
    const auto space = Find(kernel, {WithCr3(0x7000), WithCr3(cr3)});
    ASSERT_TRUE(space.ok()) << std::hex << cr3;
    EXPECT_EQ(Raw(space->root().table), kRoot);
  }
}

TEST(KernelSpace, IsNotTakenWithoutItsRelease) {
  FakeKernel kernel;
  kernel.Write(FakeKernel::kUtsNs + 130, "5");
  EXPECT_EQ(Find(kernel, {WithCr3(kRoot)}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(KernelSpace, ReadsAcrossLeavesAndNotPastTheLast) {
  FakeKernel kernel;
  kernel.Write((2 << 20) - 2, "abcd");
  const auto space = Find(kernel);
  std::string text(4, '\0');
  const auto out = std::as_writable_bytes(std::span(text));
  EXPECT_TRUE(space->Read(FakeKernel::Gva((2 << 20) - 2), out));
  EXPECT_EQ(text, "abcd");
  EXPECT_TRUE(space->Read(FakeKernel::Gva(FakeKernel::kImageBytes - 4), out));
  EXPECT_FALSE(space->Read(FakeKernel::Gva(FakeKernel::kImageBytes - 3), out));
  EXPECT_FALSE(space->Read(~std::uint64_t{0} - 1, out));
}

TEST(KernelSpace, FollowsNoTableOutsideRam) {
  FakeKernel kernel;
  const auto space = Find(kernel);
  kernel.WriteValue(FakeKernel::kTopTable + 300 * 8, FakeKernel::kRamBytes | 1);
  std::string text(4, '\0');
  EXPECT_FALSE(space->Read(0xffff'9600'0000'0000, std::as_writable_bytes(std::span(text))));
}

}  // namespace
}  // namespace marrow
