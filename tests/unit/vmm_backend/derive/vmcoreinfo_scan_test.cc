// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/vmcoreinfo_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fake_vm.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class VmcoreinfoScan : public testing::Test {
 protected:
  // All texts that it asks about, where none fits.
  std::vector<std::string> Find(const ScanLimits& limits = {}) {
    std::vector<std::string> texts;
    const auto refuse = [&texts](const std::string& text) {
      texts.push_back(text);
      return false;
    };
    EXPECT_FALSE(FindVmcoreinfo(reader_, memory_.ram(), refuse, limits));
    return texts;
  }
  static std::string Note(absl::string_view text) {
    std::string note("\x0b\0\0\0\0\0\0\0\0\0\0\0VMCOREINFO\0\0", 24);
    StoreAt(std::as_writable_bytes(std::span(note)), 4, static_cast<std::uint32_t>(text.size()));
    return note.append(text.data(), text.size());
  }

  FakeGuestMemory memory_{
      {{.begin = Gpa{0x1000}, .bytes = 0x10000}, {.begin = Gpa{0x100000}, .bytes = 0x10000}}};
  ReadPhysical reader_ = [this](Gpa gpa, MutableBytes out) { return memory_.Read(gpa, out); };
};

TEST_F(VmcoreinfoScan, FindsNotesAndTextsAtTheStartOfPages) {
  memory_.Write(0x3000, Note("OSRELEASE=a\n"));
  memory_.Write(0x104000, "OSRELEASE=b\n");
  memory_.Write(0x5010, "OSRELEASE=not at the start\n");
  EXPECT_THAT(Find(), ElementsAre("OSRELEASE=a\n", "OSRELEASE=b\n"));
}

TEST_F(VmcoreinfoScan, NamesATextOnce) {
  memory_.Write(0x3000, Note("OSRELEASE=a\n"));
  memory_.Write(0x4000, "OSRELEASE=a\n");
  EXPECT_THAT(Find(), SizeIs(1));
}

TEST_F(VmcoreinfoScan, EndsWithTheTextThatFits) {
  memory_.Write(0x3000, "OSRELEASE=a\n");
  memory_.Write(0x4000, "OSRELEASE=b\n");
  const auto fits = [](const std::string& text) { return text == "OSRELEASE=b\n"; };
  EXPECT_EQ(FindVmcoreinfo(reader_, memory_.ram(), fits), "OSRELEASE=b\n");
}

TEST_F(VmcoreinfoScan, StopsAtItsLimits) {
  memory_.Write(0x3000, "OSRELEASE=a\n");
  memory_.Write(0x4000, "OSRELEASE=b\n");
  EXPECT_THAT(Find({.pages = 2}), IsEmpty());
  EXPECT_THAT(Find({.pages = 3}), SizeIs(1));
  EXPECT_THAT(Find({.texts = 1}), ElementsAre("OSRELEASE=a\n"));
}

TEST_F(VmcoreinfoScan, CountsTextsThatItPassesOver) {
  for (std::uint64_t gpa = 0x3000; gpa < 0x6000; gpa += kPageBytes) {
    memory_.Write(gpa, "OSRELEASE=a\n");
  }
  memory_.Write(0x6000, "OSRELEASE=b\n");
  EXPECT_THAT(Find({.texts = 3}), ElementsAre("OSRELEASE=a\n"));
  EXPECT_THAT(Find({.texts = 4}), SizeIs(2));
}

TEST_F(VmcoreinfoScan, TakesNoMoreThanAPageOfText) {
  memory_.Write(0x3000, "OSRELEASE=" + std::string(2 * kPageBytes, 'x'));
  memory_.Write(0x10000, "OSRELEASE=" + std::string(kPageBytes - 10, 'y'));  // the last page
  EXPECT_THAT(Find(), ElementsAre(SizeIs(kPageBytes), SizeIs(kPageBytes)));
}

TEST_F(VmcoreinfoScan, PassesOverPagesThatCannotBeRead) {
  memory_.Break(0x2000);
  memory_.Write(0x3000, "OSRELEASE=a\n");
  EXPECT_THAT(Find(), SizeIs(1));
}

}  // namespace
}  // namespace marrow
