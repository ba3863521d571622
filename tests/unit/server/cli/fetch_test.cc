// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>

#include "tests/fakes/fault_file_system.h"
#include "tests/unit/server/cli/cli_fixture.h"
#include "vmm_backend/posix/fd.h"

namespace marrow::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string ACore() {
  std::string core(10'500, '\0');
  for (std::size_t i = 0; i < core.size(); ++i) core[i] = static_cast<char>(i * 7 % 251);
  return core;
}

class Fetch : public CliTest {
 protected:
  Fetch() { store_.Add(kFirstId, SampleDump(), ACore()); }
  Outcome FetchTo(const std::string& path) {
    return Run({"dumps", "fetch", kFirstId, "--output", path});
  }
  std::string PartOf(const std::string& path) const { return path + "." + kFirstId + ".part"; }
  std::vector<std::string> Files() { return files_->List(directory_.path()).value(); }
};

TEST_F(Fetch, WritesTheCoreAndNothingElse) {
  const Outcome outcome = FetchTo(Path("core"));
  EXPECT_EQ(outcome.code, ExitCode::kOk) << outcome.err;
  EXPECT_EQ(outcome.out, Path("core") + ": 10.3 KiB\n");
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(Contents(Path("core")), ACore());
  EXPECT_THAT(Files(), ElementsAre("core"));
}

TEST_F(Fetch, ReplacesAnOlderFile) {
  ASSERT_TRUE(WriteFileDurably(*files_, Path("core"), AsBytes("older")).ok());
  EXPECT_EQ(FetchTo(Path("core")).code, ExitCode::kOk);
  EXPECT_EQ(Contents(Path("core")), ACore());
}

TEST_F(Fetch, DoesNotDownloadWhatIsThere) {
  FetchTo(Path("core"));
  EXPECT_EQ(FetchTo(Path("core")).code, ExitCode::kOk);
  EXPECT_THAT(store_.ReadOffsets(), SizeIs(1));
}

TEST_F(Fetch, GoesOnWhereAStreamBroke) {
  store_.BreakNextRead(3000);
  EXPECT_EQ(FetchTo(Path("core")).code, ExitCode::kOk);
  EXPECT_THAT(store_.ReadOffsets(), ElementsAre(0, 3000));
  EXPECT_EQ(Contents(Path("core")), ACore());
}

TEST_F(Fetch, GivesUpOnAStoreThatSendsNothing) {
  store_.BreakNextRead(0);
  const Outcome outcome = FetchTo(Path("core"));
  EXPECT_EQ(outcome.code, ExitCode::kUnavailable);
  EXPECT_THAT(outcome.err, HasSubstr("broken by script"));
  EXPECT_THAT(Files(), ElementsAre("core." + std::string(kFirstId) + ".part"));
}

TEST_F(Fetch, ContinuesThePartOfAnEarlierRun) {
  ASSERT_TRUE(
      WriteFileDurably(*files_, PartOf(Path("core")), AsBytes(ACore().substr(0, 4321))).ok());
  EXPECT_EQ(FetchTo(Path("core")).code, ExitCode::kOk);
  EXPECT_THAT(store_.ReadOffsets(), ElementsAre(4321));
  EXPECT_EQ(Contents(Path("core")), ACore());
}

TEST_F(Fetch, DiscardsAPartOfOtherBytes) {
  ASSERT_TRUE(WriteFileDurably(*files_, PartOf(Path("core")), AsBytes(std::string(100, 'z'))).ok());
  const Outcome outcome = FetchTo(Path("core"));
  EXPECT_EQ(outcome.code, ExitCode::kFailure);
  EXPECT_THAT(outcome.err, HasSubstr("SHA-256"));
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_EQ(FetchTo(Path("core")).code, ExitCode::kOk);
}

TEST_F(Fetch, StartsAnewWhenThePartIsTooLong) {
  ASSERT_TRUE(
      WriteFileDurably(*files_, PartOf(Path("core")), AsBytes(std::string(20'000, 'z'))).ok());
  EXPECT_EQ(FetchTo(Path("core")).code, ExitCode::kOk);
  EXPECT_EQ(Contents(Path("core")), ACore());
}

TEST_F(Fetch, LeavesThePartToTheFetchThatWritesIt) {
  const UniqueFd other(::open(PartOf(Path("core")).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(other.get(), LOCK_EX | LOCK_NB), 0);
  const Outcome outcome = FetchTo(Path("core"));
  EXPECT_EQ(outcome.code, ExitCode::kRefused);
  EXPECT_THAT(outcome.err, HasSubstr(".part: another process is writing it; wait"));
  EXPECT_EQ(Contents(PartOf(Path("core"))), "");
}

TEST_F(Fetch, RefusesBytesDamagedOnTheWire) {
  store_.CorruptAt(5500, FakeDumpsService::Corruption::kOnTheWire);
  const Outcome outcome = FetchTo(Path("core"));
  EXPECT_EQ(outcome.code, ExitCode::kFailure);
  EXPECT_THAT(outcome.err, HasSubstr("offset 5000 do not match their CRC-32C"));
  EXPECT_EQ(Contents(PartOf(Path("core"))), ACore().substr(0, 5000));
}

TEST_F(Fetch, RefusesBytesDamagedInTheStore) {
  store_.CorruptAt(5500, FakeDumpsService::Corruption::kInTheStore);
  const Outcome outcome = FetchTo(Path("core"));
  EXPECT_EQ(outcome.code, ExitCode::kFailure);
  EXPECT_THAT(outcome.err, HasSubstr("SHA-256"));
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(Fetch, FetchesAnEmptyCore) {
  store_.Add(kSecondId, SampleDump(), "");
  EXPECT_EQ(Run({"dumps", "fetch", kSecondId, "-o", Path("empty")}).code, ExitCode::kOk);
  EXPECT_EQ(Contents(Path("empty")), "");
}

TEST_F(Fetch, ShowsProgressOnATerminalOnly) {
  show_progress_ = true;
  const std::string err = FetchTo(Path("core")).err;
  EXPECT_THAT(err, HasSubstr("\r[>"));
  EXPECT_THAT(err, HasSubstr("] 100%  10.3 KiB of 10.3 KiB\x1b[K\n"));
}

TEST_F(Fetch, WarnsOfAPartialDump) {
  v1::Dump partial = SampleDump();
  partial.set_state(v1::DUMP_STATE_PARTIAL);
  store_.Add(kSecondId, partial, "core");
  const Outcome outcome = Run({"dumps", "fetch", kSecondId, "-o", Path("core")});
  EXPECT_EQ(outcome.code, ExitCode::kOk);
  EXPECT_THAT(outcome.err, HasSubstr("the dump is partial"));
}

TEST_F(Fetch, ShowsAWholeCoreOrNoneWhateverFileOperationFails) {
  std::uint64_t n = 0;
  bool hit = true;
  while (hit) {
    auto owned = std::make_unique<FaultFileSystem>();
    FaultFileSystem& disk = *owned;
    files_ = std::move(owned);
    ASSERT_TRUE(disk.CreateDirectories("/d").ok());
    disk.FailAt(++n);
    const Outcome outcome = FetchTo("/d/core");
    hit = disk.fault_hit();
    if (disk.Exists("/d/core")) {
      EXPECT_EQ(disk.Contents("/d/core"), ACore()) << n;
    } else {
      EXPECT_NE(outcome.code, ExitCode::kOk) << n;
      EXPECT_THAT(outcome.err, HasSubstr("injected fault")) << n;
    }
    disk.Heal();
    EXPECT_EQ(FetchTo("/d/core").code, ExitCode::kOk) << n;
    EXPECT_EQ(disk.Contents("/d/core"), ACore()) << n;
  }
  EXPECT_GT(n, 14u);  // 11 messages are appended, and there is the rest
}

}  // namespace
}  // namespace marrow::cli
