// SPDX-License-Identifier: Apache-2.0
// A kernel loaded from a tree of files, and what is said about each one that is missing.
#include "guest/agent/linux_kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_btf.h"
#include "fake_kcore.h"
#include "tests/unit/guest/profile/fake_kernel.h"

namespace marrow::agent {

using namespace profile;  // NOLINT(google-build-using-namespace): what the fakes are made of
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LinuxKernelTest : public testing::Test {
 protected:
  LinuxKernelTest() {
    folder_.Write("proc/kallsyms", "ffffffff81000000 T _text\nffffffff81001000 B _end\n");
    folder_.Write("proc/kcore", FakeKcore("SYMBOL(prb)=ffffffff81000010\n", std::string(64, 'm')));
    folder_.Write("proc/iomem",
                  "00100000-3ffdefff : System RAM\n  01000000-010fffff : Kernel code\n");
    folder_.Write("sys/kernel/vmcoreinfo", "0x00000000011f0000 1024\n");
    folder_.Write("sys/devices/system/cpu/possible", "0-1\n");
    folder_.Write("sys/kernel/btf/vmlinux", FakeBtf());
  }

  void Remove(const std::string& name) { std::filesystem::remove(folder_.path() + "/" + name); }

  TempFolder folder_;
};

using LinuxKernelFiles = LinuxKernelTest;

TEST_F(LinuxKernelFiles, GiveACompleteView) {
  const LinuxKernel kernel = LoadKernel(folder_.path());
  EXPECT_THAT(kernel.losses, IsEmpty());
  EXPECT_EQ(kernel.view.Symbol("_end"), 0xffffffff81001000u);
  EXPECT_EQ(kernel.view.Symbol("prb"), 0xffffffff81000010u);
  EXPECT_EQ(kernel.view.vmcoreinfo_gpa, 0x11f0000u);
  EXPECT_EQ(kernel.view.vmcoreinfo_bytes, 0x1024u);
  EXPECT_THAT(kernel.view.possible_cpus, ElementsAre(0, 1));
  EXPECT_EQ(kernel.view.ReadU32(kImage), 0x6d6d6d6du);
  EXPECT_EQ(kernel.view.iomem.size(), 2u);
}

TEST_F(LinuxKernelFiles, EachSayWhatIsLostWithoutThem) {
  const struct {
    const char* file;
    const char* says;
  } cases[] = {
      {"proc/kallsyms", "Without kallsyms"},
      {"proc/kcore", "Without kernel memory the kernel log ring"},
      {"proc/iomem", "iomem directives are lost"},
      {"sys/kernel/vmcoreinfo", "the dump has no VMCOREINFO"},
      {"sys/devices/system/cpu/possible", "per-CPU data of the first CPU only"},
      {"sys/kernel/btf/vmlinux", "Without BTF nothing can be followed"},
  };
  for (const auto& c : cases) {
    TempFolder aside;
    const std::string path = folder_.path() + "/" + c.file;
    const std::string hidden = aside.path() + "/hidden";
    std::filesystem::rename(path, hidden);
    EXPECT_THAT(LoadKernel(folder_.path()).losses, ElementsAre(HasSubstr(c.says))) << c.file;
    std::filesystem::rename(hidden, path);
  }
}

TEST_F(LinuxKernelFiles, GiveTheKernelsTypes) {
  EXPECT_EQ(LoadKernel(folder_.path()).types->SizeOf("node"), 16u);
}

TEST_F(LinuxKernelFiles, WithBrokenTypesOfAModuleKeepTheOthers) {
  folder_.Write("sys/kernel/btf/broken", "x");
  const LinuxKernel kernel = LoadKernel(folder_.path());
  EXPECT_THAT(kernel.losses, ElementsAre(HasSubstr("the types of module broken are lost: ")));
  EXPECT_EQ(kernel.types->SizeOf("node"), 16u);
}

TEST_F(LinuxKernelFiles, WithBrokenTypesSaySo) {
  folder_.Write("sys/kernel/btf/vmlinux", "x");
  const LinuxKernel kernel = LoadKernel(folder_.path());
  EXPECT_THAT(kernel.losses, ElementsAre(HasSubstr("sys/kernel/btf/vmlinux: ")));
  EXPECT_EQ(kernel.types->SizeOf("node"), std::nullopt);
}

TEST_F(LinuxKernelFiles, WithHiddenAddressesNameTheSysctl) {
  folder_.Write("proc/kallsyms", "0000000000000000 T _text\n0000000000000000 B _end\n");
  const LinuxKernel kernel = LoadKernel(folder_.path());
  EXPECT_THAT(kernel.losses, ElementsAre(HasSubstr("kernel.kptr_restrict")));
  EXPECT_EQ(kernel.view.Symbol("prb"), 0xffffffff81000010u);
}

TEST_F(LinuxKernelFiles, WithHiddenIomemSaySo) {
  folder_.Write("proc/iomem", "00000000-00000000 : System RAM\n");
  EXPECT_THAT(LoadKernel(folder_.path()).losses, ElementsAre(HasSubstr("/proc/iomem shows no")));
}

TEST_F(LinuxKernelFiles, WithoutKcoreStillMapTheImage) {
  Remove("proc/kcore");
  const LinuxKernel kernel = LoadKernel(folder_.path());
  EXPECT_EQ(kernel.view.Physical(kImage + 0x10), 0x1000010u);
  EXPECT_EQ(kernel.view.Physical(kImage + 0x1000), std::nullopt);
}

TEST_F(LinuxKernelFiles, OfAnOldKernelGiveVmcoreinfoFromMemory) {
  std::string memory(0x100, '\0');
  memory.replace(0x20, 40, "VMCOREINFO\nOSRELEASE=4.18\nSYMBOL(x)=99\n");
  folder_.Write("proc/kcore", FakeKcore("", memory));
  folder_.Write("sys/kernel/vmcoreinfo", "0x1000020 80\n");
  EXPECT_EQ(LoadKernel(folder_.path()).view.vmcoreinfo.Symbol("x"), 0x99u);
}

TEST(LinuxKernelFilesMissing, GiveAnEmptyViewAndNoCrash) {
  TempFolder empty;
  const LinuxKernel kernel = LoadKernel(empty.path());
  EXPECT_EQ(kernel.losses.size(), 6u);
  EXPECT_EQ(kernel.view.Symbol("_text"), std::nullopt);
}

TEST(ModuleFingerprint, IgnoresUseCounts) {
  EXPECT_EQ(ModuleFingerprint("virtio 4096 1 a, Live 0xffffffffc0000000\n"),
            ModuleFingerprint("virtio 4096 3 a,b,c, Live 0xffffffffc0000000\n"));
}

TEST(ModuleFingerprint, NoticesModulesThatComeGoAndMove) {
  const std::string one = "virtio 4096 1 - Live 0xffffffffc0000000\n";
  EXPECT_NE(ModuleFingerprint(one), ModuleFingerprint(""));
  EXPECT_NE(ModuleFingerprint(one), ModuleFingerprint(one + "net 1 0 - Live 0xffffffffc0100000\n"));
  EXPECT_NE(ModuleFingerprint(one), ModuleFingerprint("virtio 4096 1 - Live 0xffffffffc0200000\n"));
  EXPECT_NE(ModuleFingerprint(one),
            ModuleFingerprint("virtio 4096 1 - Unloading 0xffffffffc0000000\n"));
}

}  // namespace
}  // namespace marrow::agent
