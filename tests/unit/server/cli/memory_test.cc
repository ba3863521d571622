// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/unit/server/cli/cli_fixture.h"

namespace marrow::cli {
namespace {

using testing::HasSubstr;

using ReadMemoryCommand = CliTest;

TEST_F(ReadMemoryCommand, PrintsAHexDump) {
  store_.Add(kFirstId, SampleDump(), "0123456789abcdefLinux\n");
  EXPECT_EQ(Run({"dumps", "read", kFirstId, "--gpa", "0x1", "--length", "21"}).out,
            "0000000000000001: 3132 3334 3536 3738 3961 6263 6465 664c  123456789abcdefL\n"
            "0000000000000011: 696e 7578 0a                             inux.\n");
}

TEST_F(ReadMemoryCommand, PrintsRawBytes) {
  store_.Add(kFirstId, SampleDump(), std::string("a\0b\xff", 4));
  EXPECT_EQ(Run({"dumps", "read", kFirstId, "--gva", "0", "-l", "4", "--raw"}).out,
            std::string("a\0b\xff", 4));
}

TEST_F(ReadMemoryCommand, ReadsMoreThanOneMessage) {
  std::string memory((2 << 20) + 5, 'm');
  memory.back() = 'e';
  store_.Add(kFirstId, SampleDump(), memory);
  EXPECT_EQ(
      Run({"dumps", "read", kFirstId, "--gpa", "0", "-l", std::to_string(memory.size()), "--raw"})
          .out,
      memory);
}

TEST_F(ReadMemoryCommand, FailsBeforeTheFirstByteThatIsNotThere) {
  store_.Add(kFirstId, SampleDump(), "memory");
  const Outcome outcome = Run({"dumps", "read", kFirstId, "--gpa", "0", "-l", "7"});
  EXPECT_EQ(outcome.code, ExitCode::kNotFound);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "marrow: no memory at 0x6 [ADDRESS_NOT_CAPTURED]\n");
}

TEST_F(ReadMemoryCommand, SaysWhenOnlyAPartIsThere) {
  store_.Add(kFirstId, SampleDump(), std::string((1 << 20) + 5, 'm'));
  const Outcome outcome = Run({"dumps", "read", kFirstId, "--gpa", "0", "-l", "2097152", "--raw"});
  EXPECT_EQ(outcome.code, ExitCode::kRefused);
  EXPECT_EQ(outcome.out.size(), 1u << 20);
  EXPECT_THAT(outcome.err, HasSubstr("only 1048576 of 2097152 bytes printed"));
}

TEST_F(ReadMemoryCommand, RefusesRangesThatCannotBe) {
  const std::vector<std::vector<std::string>> cases = {
      {"dumps", "read", kFirstId},
      {"dumps", "read", kFirstId, "--gpa", "1", "--gva", "1"},
      {"dumps", "read", kFirstId, "--gpa", "1", "--length", "0"},
      {"dumps", "read", kFirstId, "--gpa", "0xffffffffffffffff", "--length", "2"},
      {"dumps", "read", kFirstId, "--gpa", "0x1ffffffffffffffff"},
      {"dumps", "read", kFirstId, "--gpa", "here"},
  };
  for (const auto& arguments : cases) EXPECT_EQ(Run(arguments).code, ExitCode::kUsage);
}

}  // namespace
}  // namespace marrow::cli
