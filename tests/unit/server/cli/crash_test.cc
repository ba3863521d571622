// SPDX-License-Identifier: Apache-2.0
#include <elf.h>
#include <gmock/gmock.h>

#include <cstring>

#include "server/cli/build_id.h"
#include "tests/unit/server/cli/cli_fixture.h"

namespace marrow::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An ELF64 file with nothing but a build-id note behind another note.
std::string Vmlinux(absl::string_view build_id) {
  std::string notes("\x04\0\0\0\x02\0\0\0\x09\0\0\0Xen\0ab\0\0", 20);
  notes.append("\x04\0\0\0", 4).push_back(static_cast<char>(build_id.size()));
  notes.append("\0\0\0\x03\0\0\0GNU\0", 11).append(build_id.data(), build_id.size());
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  Elf64_Phdr segment{};
  segment.p_type = PT_NOTE;
  segment.p_offset = sizeof(header) + sizeof(segment);
  segment.p_filesz = notes.size();
  std::string file(sizeof(header) + sizeof(segment), '\0');
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), &segment, sizeof(segment));
  return file + notes;
}

constexpr absl::string_view kBuildId("\x00\x11\x22\x33", 4);

TEST(ReadBuildId, FindsTheNote) {
  const std::string file = Vmlinux(kBuildId);
  const SpanSource source(AsBytes(file));
  EXPECT_EQ(ReadBuildId(source).value(), "00112233");
}

TEST(ReadBuildId, SurvivesEveryShorterFile) {
  const std::string file = Vmlinux(kBuildId);
  for (std::size_t n = 0; n < file.size(); ++n) {
    const SpanSource source(AsBytes(absl::string_view(file).substr(0, n)));
    EXPECT_TRUE(absl::IsInvalidArgument(ReadBuildId(source).status())) << n;
  }
}

class Crash : public CliTest {
 protected:
  Crash() {
    store_.Add(kFirstId, SampleDump(), "the core");
    variables_["HOME"] = directory_.path();
    WriteFile("vmlinux", Vmlinux(kBuildId));
  }
  void WriteFile(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(WriteFileDurably(*files_, Path(name), AsBytes(bytes)).ok());
  }
  std::string CorePath() const {
    return Path(".cache/marrow/cores/") + std::string(kFirstId) + ".core";
  }
};

TEST_F(Crash, StartsCrashOnTheFetchedCore) {
  const Outcome outcome =
      Run({"crash", kFirstId, "--vmlinux", Path("vmlinux"), "--", "--minimal", "-s"});
  EXPECT_EQ(outcome.code, ExitCode::kOk) << outcome.err;
  EXPECT_THAT(executed_, ElementsAre("crash", "--minimal", "-s", Path("vmlinux"), CorePath()));
  EXPECT_EQ(Contents(CorePath()), "the core");
}

TEST_F(Crash, TakesVmlinuxFromTheEnvironment) {
  variables_["MARROW_VMLINUX"] = Path("vmlinux");
  EXPECT_EQ(Run({"crash", kFirstId}).code, ExitCode::kOk);
  EXPECT_THAT(executed_, ElementsAre("crash", Path("vmlinux"), CorePath()));
}

TEST_F(Crash, RefusesAVmlinuxOfAnotherBuild) {
  WriteFile("other", Vmlinux("abcd"));
  const Outcome outcome = Run({"crash", kFirstId, "--vmlinux", Path("other")});
  EXPECT_EQ(outcome.code, ExitCode::kRefused);
  EXPECT_THAT(outcome.err, HasSubstr("has build-id 61626364, the dump's kernel 00112233"));
  EXPECT_THAT(executed_, IsEmpty());
}

TEST_F(Crash, SaysWhatToDoWithoutVmlinux) {
  v1::Dump dump = SampleDump();
  dump.mutable_manifest()->mutable_kernel()->set_release("0.0.0-nosuch");
  store_.Add(kSecondId, dump, "core");
  const Outcome outcome = Run({"crash", kSecondId});
  EXPECT_EQ(outcome.code, ExitCode::kRefused);
  EXPECT_THAT(outcome.err, HasSubstr("no vmlinux for kernel 0.0.0-nosuch: install"));
}

TEST_F(Crash, DoesNotLetTheGuestNameAFile) {
  v1::Dump dump = SampleDump();
  dump.mutable_manifest()->mutable_kernel()->set_release("../../../.." + Path("x"));
  store_.Add(kSecondId, dump, "core");
  EXPECT_EQ(Run({"crash", kSecondId}).code, ExitCode::kRefused);
}

}  // namespace
}  // namespace marrow::cli
