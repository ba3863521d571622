// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/window_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_window.h"
#include "tests/unit/guest/profile/fake_kernel.h"

namespace marrow::agent {

using namespace profile;  // NOLINT(google-build-using-namespace): what the fakes are made of
namespace {

using testing::EndsWith;
using testing::HasSubstr;

class PciTree {
 public:
  void Add(const std::string& slot, const std::string& vendor, const std::string& device,
           const std::string& bar2) {
    const std::string path = "sys/bus/pci/devices/" + slot;
    folder_.Write(path + "/vendor", vendor + "\n");
    folder_.Write(path + "/device", device + "\n");
    folder_.Write(path + "/enable", "0");
    if (!bar2.empty()) folder_.Write(path + "/resource2", bar2);
  }
  std::string ReadEnable(const std::string& slot) const {
    std::ifstream file(folder_.path() + "/sys/bus/pci/devices/" + slot + "/enable");
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  const std::string& root() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

TEST(FindDevice, TakesTheOneWithTheHostsHeader) {
  PciTree pci;
  pci.Add("0000:00:01.0", "0x1af4", "0x1110", std::string(4096, '\0'));
  pci.Add("0000:00:02.0", "0x1af4", "0x1000", FakeWindow());
  pci.Add("0000:00:03.0", "0x1af4", "0x1110", FakeWindow());
  pci.Add("0000:00:04.0", "0x1af4", "0x1110", FakeWindow());
  auto mapping = WindowMapping::FindDevice(pci.root());
  ASSERT_TRUE(mapping.ok()) << mapping.error();
  EXPECT_THAT(mapping->path(), EndsWith("0000:00:03.0/resource2"));
  EXPECT_TRUE(mapping->window().attached());
  EXPECT_EQ(pci.ReadEnable("0000:00:03.0"), "1");
  EXPECT_EQ(pci.ReadEnable("0000:00:02.0"), "0");
}

TEST(FindDevice, WithoutDeviceSaysHowToGetOne) {
  PciTree pci;
  pci.Add("0000:00:02.0", "0x8086", "0x1110", FakeWindow());
  EXPECT_THAT(WindowMapping::FindDevice(pci.root()).error(), HasSubstr("-device ivshmem-plain"));
  EXPECT_THAT(WindowMapping::FindDevice("/nonexistent").error(), HasSubstr("no ivshmem device"));
}

TEST(FindDevice, TellsOfEachCandidateWhyNot) {
  PciTree pci;
  pci.Add("0000:00:01.0", "0x1af4", "0x1110", std::string(4096, '\0'));
  pci.Add("0000:00:02.0", "0x1af4", "0x1110", "");
  const auto mapping = WindowMapping::FindDevice(pci.root());
  ASSERT_FALSE(mapping.ok());
  EXPECT_THAT(mapping.error(), HasSubstr("01.0/resource2: no Marrow host has formatted"));
  EXPECT_THAT(mapping.error(), HasSubstr("02.0/resource2: No such file"));
}

TEST(OpenFile, RejectsWhatIsNoWindow) {
  TempFolder folder;
  folder.Write("small", "x");
  folder.Write("other", std::string(8192, 'x'));
  EXPECT_THAT(WindowMapping::OpenFile(folder.path() + "/small").error(), HasSubstr("too small"));
  EXPECT_THAT(WindowMapping::OpenFile(folder.path() + "/other").error(),
              HasSubstr("no Marrow host has formatted"));
  EXPECT_FALSE(WindowMapping::OpenFile(folder.path()).ok());
}

TEST(OpenFile, WritesReachTheFile) {
  TempFolder folder;
  folder.Write("window", FakeWindow());
  auto mapping = WindowMapping::OpenFile(folder.path() + "/window");
  ASSERT_TRUE(mapping.ok()) << mapping.error();
  ASSERT_EQ(mapping->window().Claim({}), guest::Error::kNone);
  EXPECT_EQ(ReadWindow(folder.path() + "/window").guest.magic, MARROW_GUEST_MAGIC);
}

}  // namespace
}  // namespace marrow::agent
