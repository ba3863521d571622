// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "server/errors/error_info.h"
#include "tests/unit/server/cli/cli_fixture.h"

namespace marrow::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;

using DumpsCommands = CliTest;

TEST_F(DumpsCommands, ListPrintsATable) {
  v1::Dump first = SampleDump();
  first.set_title("Kernel panic");
  store_.Add(kFirstId, first, std::string(3 << 20, 'x'));
  v1::Dump other = SampleDump();
  other.mutable_manifest()->mutable_vm()->set_name("db");
  other.set_state(v1::DUMP_STATE_PARTIAL);
  other.set_title("Oops");
  store_.Add(kSecondId, other, "x");
  const Outcome outcome = Run({"dumps", "list"});
  EXPECT_EQ(outcome.code, ExitCode::kOk) << outcome.err;
  EXPECT_EQ("\n" + outcome.out, R"(
ID                          CAPTURED (UTC)       VM    HOST  TRIGGER         STATE        CORE    STORED  KERNEL          TITLE
01jd0000000000000000000002  2027-01-15 08:00:00  db    kvm7  heartbeat-lost  partial       1 B  50.0 KiB  6.1.0-42-amd64  Oops
01jd0000000000000000000001  2027-01-15 08:00:00  web1  kvm7  heartbeat-lost  complete  3.0 MiB  50.0 KiB  6.1.0-42-amd64  Kernel panic
)");
}

TEST_F(DumpsCommands, ListPrintsJsonOfAllPages) {
  for (int i = 0; i < 7; ++i) store_.Add(std::string(25, '0') + std::to_string(i), SampleDump());
  const Outcome outcome = Run({"dumps", "list", "--order-by", "capture_time", "--json"});
  const auto json = nlohmann::json::parse(outcome.out);
  ASSERT_EQ(json["dumps"].size(), 7u);
  EXPECT_EQ(json["dumps"][6]["manifest"]["dump_id"], "00000000000000000000000006");
  EXPECT_EQ(json["dumps"][0]["manifest"]["trigger"], "TRIGGER_HEARTBEAT_LOST");
  EXPECT_EQ(json["dumps"][0]["core_bytes"], "0");
}

TEST_F(DumpsCommands, ListStopsAtTheLimit) {
  for (int i = 0; i < 7; ++i) store_.Add(std::string(25, '0') + std::to_string(i), SampleDump());
  EXPECT_EQ(Run({"dumps", "list", "-q", "-n", "4"}).out,
            "00000000000000000000000006\n00000000000000000000000005\n"
            "00000000000000000000000004\n00000000000000000000000003\n");
}

TEST_F(DumpsCommands, ListPrintsAPageBeforeItAsksForTheNext) {
  for (int i = 0; i < 7; ++i) store_.Add(std::string(25, '0') + std::to_string(i), SampleDump());
  for (const char* flag : {"--quiet", "--json", "--limit=7"}) {
    store_.FailListsAfter(2);
    const Outcome outcome = Run({"dumps", "list", flag});
    EXPECT_EQ(outcome.code, ExitCode::kUnavailable) << flag;
    EXPECT_THAT(outcome.out, HasSubstr("00000000000000000000000001")) << flag;
    EXPECT_THAT(outcome.out, Not(HasSubstr("00000000000000000000000000"))) << flag;
  }
}

TEST_F(DumpsCommands, ListPrintsTitlesOrAnEmptyListWhereNoneMatch) {
  EXPECT_THAT(Run({"dumps", "list"}).out, MatchesRegex("ID  .*  TITLE\n"));
  EXPECT_EQ(Run({"dumps", "list", "--quiet"}).out, "");
  EXPECT_TRUE(nlohmann::json::parse(Run({"dumps", "list", "--json"}).out)["dumps"].empty());
}

TEST_F(DumpsCommands, ListFilters) {
  store_.Add(kFirstId, SampleDump());
  EXPECT_EQ(Run({"dumps", "list", "-q", "-f", "vm=web1"}).out, std::string(kFirstId) + "\n");
  EXPECT_EQ(Run({"dumps", "list", "-q", "-f", "vm=db"}).out, "");
}

TEST_F(DumpsCommands, ListReportsAFilterThatIsNone) {
  const Outcome outcome = Run({"dumps", "list", "--filter", "vm"});
  EXPECT_EQ(outcome.code, ExitCode::kUsage);
  EXPECT_THAT(outcome.err, MatchesRegex("marrow: filter, column 3: .* \\[INVALID_FILTER\\]\n"));
}

TEST_F(DumpsCommands, ShowPrintsWhatIsKnown) {
  store_.Add(kFirstId, SampleDump(), "core");
  const Outcome outcome = Run({"dumps", "show", kFirstId});
  EXPECT_EQ(outcome.out,
            "name:           dumps/01jd0000000000000000000001\n"
            "title:          Kernel panic - not syncing: sysrq triggered crash\n"
            "state:          complete\n"
            "captured:       2027-01-15 08:00:00 UTC\n"
            "received:       2027-01-15 08:00:01 UTC\n"
            "vm:             web1\n"
            "vm memory:      1.0 GiB\n"
            "labels:         env=prod\n"
            "host:           kvm7\n"
            "marrow:         0.1.0\n"
            "trigger:        heartbeat-lost\n"
            "kernel:         6.1.0-42-amd64\n"
            "build-id:       00112233\n"
            "kaslr offset:   0x000000001a000000\n"
            "registers:      1 vCPUs, paused\n"
            "region table:   live\n"
            "regions:        1, 128.0 KiB\n"
            "guest stopped:  1.250 ms\n"
            "core:           4 B\n"
            "stored:         50.0 KiB\n"
            "sha-256:        0d45f5fd462b8c70bffb10021ac1bcff3f58f29b1faf7568595095427d42812c\n")
      << outcome.err;
}

TEST_F(DumpsCommands, ShowSaysWhatIsMissing) {
  v1::Dump dump = SampleDump();
  v1::Missing& missing = *dump.mutable_manifest()->add_missing();
  missing.set_what("init_uts_ns");
  missing.set_address(0x2000);
  missing.set_size_bytes(390);
  missing.set_why("not RAM");
  store_.Add(kFirstId, dump);
  EXPECT_THAT(Run({"dumps", "show", kFirstId}).out,
              HasSubstr("\nMISSING                 ADDRESS   SIZE  WHY\n"
                        "init_uts_ns  0x0000000000002000  390 B  not RAM\n"));
}

TEST_F(DumpsCommands, ShowEscapesWhatAGuestWrote) {
  v1::Dump dump = SampleDump();
  dump.mutable_manifest()->mutable_panic()->set_text("\x1b[2J");
  store_.Add(kFirstId, dump);
  EXPECT_THAT(Run({"dumps", "show", kFirstId}).out, HasSubstr(", \\x1b[2J\n"));
}

TEST_F(DumpsCommands, TakeAnIdANameOrAUniquePrefix) {
  store_.Add(kFirstId, SampleDump());
  store_.Add("01jf0000000000000000000009", SampleDump());
  for (const char* id : {"01jd", "dumps/01jd", kFirstId, "dumps/01jd0000000000000000000001"}) {
    EXPECT_THAT(Run({"dumps", "show", id}).out, HasSubstr(kFirstId)) << id;
  }
}

TEST_F(DumpsCommands, RefuseAPrefixOfSeveralDumps) {
  store_.Add(kFirstId, SampleDump());
  store_.Add(kSecondId, SampleDump());
  const Outcome outcome = Run({"dumps", "show", "01j"});
  EXPECT_EQ(outcome.code, ExitCode::kUsage);
  EXPECT_THAT(outcome.err, HasSubstr("2 dumps have an id that starts with 01j: give more of it"));
}

TEST_F(DumpsCommands, SayWhenThereIsNoSuchDump) {
  const Outcome by_prefix = Run({"dumps", "log", "01j"});
  EXPECT_EQ(by_prefix.code, ExitCode::kNotFound);
  EXPECT_THAT(by_prefix.err, HasSubstr("no dump has an id that starts with 01j"));
  const Outcome by_id = Run({"dumps", "log", kFirstId});
  EXPECT_EQ(by_id.code, ExitCode::kNotFound);
  EXPECT_EQ(by_id.err, "marrow: no dump dumps/01jd0000000000000000000001 [DUMP_NOT_FOUND]\n");
}

TEST_F(DumpsCommands, LogPrintsTheTextAsItIs) {
  store_.Add(kFirstId, SampleDump(), "", "[    0.000000] Linux\n[    1.000000] end\n");
  const Outcome outcome = Run({"dumps", "log", kFirstId});
  EXPECT_EQ(outcome.out, "[    0.000000] Linux\n[    1.000000] end\n");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(DumpsCommands, LogCannotDriveTheTerminal) {
  store_.Add(kFirstId, SampleDump(), "", "\tone\x1b[2J\n\ntwo\r\n");
  EXPECT_EQ(Run({"dumps", "log", kFirstId}).out, "\tone\\x1b[2J\n\ntwo\\x0d\n");
}

TEST_F(DumpsCommands, TakeNoDumpWhoseIdIsNone) {
  struct Case {
    std::string name;
    std::string id;
  };
  const Case cases[] = {
      {"dumps/" + std::string(kFirstId), "../../../etc/x"},
      {"dumps/../../../etc/x", "../../../etc/x"},
      {"dumps/" + std::string(kFirstId), "\x1b[2J"},
      {"dumps/" + std::string(kFirstId), ""},
      {"", kFirstId},
      {"dumps/" + std::string(kSecondId), kFirstId},
  };
  for (const Case& test : cases) {
    v1::Dump forged = SampleDump();
    forged.set_name(test.name);
    forged.mutable_manifest()->set_dump_id(test.id);
    store_.Forge(kFirstId, forged);
    for (const std::vector<std::string>& command : {std::vector<std::string>{"show", kFirstId},
                                                    {"fetch", kFirstId},
                                                    {"regions", kFirstId},
                                                    {"list"},
                                                    {"list", "-q"},
                                                    {"list", "--json"},
                                                    {"watch"},
                                                    {"watch", "--json"}}) {
      std::vector<std::string> arguments = {"dumps"};
      arguments.insert(arguments.end(), command.begin(), command.end());
      const Outcome outcome = Run(arguments);
      EXPECT_EQ(outcome.code, ExitCode::kFailure) << command[0] << " " << test.name << outcome.out;
      EXPECT_EQ(outcome.out, "") << command[0];
      EXPECT_THAT(outcome.err, HasSubstr("it does not keep to the protocol"));
    }
  }
}

TEST_F(DumpsCommands, TakeNoOtherDumpThanTheOneAskedFor) {
  store_.Add(kSecondId, SampleDump(), "core");
  v1::Dump other = SampleDump();
  other.set_name("dumps/" + std::string(kSecondId));
  other.mutable_manifest()->set_dump_id(kSecondId);
  store_.Forge(kFirstId, other);
  EXPECT_THAT(Run({"dumps", "show", kFirstId}).err,
              HasSubstr("the store sent dumps/01jd0000000000000000000002 for dumps/01jd"));
}

TEST_F(DumpsCommands, LogSaysHowMuchIsLost) {
  store_.Add(kFirstId, SampleDump());
  EXPECT_EQ(Run({"dumps", "log", kFirstId}).err,
            "marrow: 7 of 7 records are not in the core or are damaged\n");
}

TEST_F(DumpsCommands, RegionsPrintsATable) {
  store_.Add(kFirstId, SampleDump());
  EXPECT_EQ(Run({"dumps", "regions", kFirstId}).out,
            "ID  CLASS  SPACE  ADDRESS                  SIZE   CAPTURED  NAME\n"
            " 7  log    gpa    0x0000000001000000  128.0 KiB  128.0 KiB  log_buf\n");
}

TEST_F(DumpsCommands, DeleteDeletesAllOrNothing) {
  store_.Add(kFirstId, SampleDump());
  store_.Add(kSecondId, SampleDump());
  EXPECT_EQ(Run({"dumps", "delete", kFirstId, "nosuch"}).code, ExitCode::kUsage);
  EXPECT_EQ(store_.Names().size(), 2u);
  EXPECT_EQ(Run({"dumps", "delete", kFirstId, kSecondId}).out,
            "deleted dumps/01jd0000000000000000000001\n"
            "deleted dumps/01jd0000000000000000000002\n");
  EXPECT_THAT(store_.Names(), IsEmpty());
}

TEST_F(DumpsCommands, DeleteTakesWholeIdsOnly) {
  store_.Add(kFirstId, SampleDump());
  for (const char* id : {"01jd", "dumps/01jd000000000000000000000", "dumps/", ""}) {
    const Outcome outcome = Run({"dumps", "delete", id});
    EXPECT_EQ(outcome.code, ExitCode::kUsage) << id;
    EXPECT_THAT(outcome.err, HasSubstr("is no whole id of a dump: `marrow dumps list --quiet`"));
  }
  EXPECT_EQ(store_.Names().size(), 1u);
}

TEST_F(DumpsCommands, WatchPrintsALineForEachDump) {
  store_.Add(kFirstId, SampleDump());
  store_.Add(kSecondId, SampleDump());
  const Outcome human = Run({"dumps", "watch", "-f", "vm=web1"});
  EXPECT_EQ(human.code, ExitCode::kOk) << human.err;
  EXPECT_THAT(human.out, MatchesRegex("01jd0000000000000000000001  .*crash\n"
                                      "01jd0000000000000000000002  .*crash\n"));
  const std::string lines = Run({"dumps", "watch", "--json"}).out;
  EXPECT_EQ(nlohmann::json::parse(lines.substr(0, lines.find('\n')))["name"],
            "dumps/01jd0000000000000000000001");
}

TEST_F(DumpsCommands, ReportHowTheStoreRefuses) {
  struct Case {
    absl::Status status;
    ExitCode code;
    std::string err;
  };
  const Case cases[] = {
      {WithReason(absl::PermissionDeniedError("not yours"), "DENIED"), ExitCode::kRefused,
       "marrow: not yours [DENIED]\n"},
      {WithRetry(absl::ResourceExhaustedError("busy"), absl::Seconds(2)), ExitCode::kRefused,
       "marrow: busy; try again in 2s\n"},
      {absl::InternalError("two\nlines\x1b"), ExitCode::kFailure, "marrow: two\\x0alines\\x1b\n"},
  };
  for (const Case& test : cases) {
    store_.FailWith(test.status);
    const Outcome outcome = Run({"dumps", "list"});
    EXPECT_EQ(outcome.code, test.code) << test.status;
    EXPECT_EQ(outcome.err, test.err);
  }
}

}  // namespace
}  // namespace marrow::cli
