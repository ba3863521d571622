// SPDX-License-Identifier: Apache-2.0
// What is printed, without a command around it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "server/cli/hex_dump.h"
#include "server/cli/progress.h"
#include "server/cli/table.h"
#include "server/cli/units.h"

namespace marrow::cli {
namespace {

TEST(Table, AlignsColumnsByCharacters) {
  Table table({{"A"}, {"LONG", Align::kRight}, {"C"}});
  table.AddRow({"x", "1", "é"});
  table.AddRow({"ééé", "12345", ""});
  EXPECT_EQ(table.Render(),
            "A     LONG  C\n"
            "x        1  é\n"
            "ééé  12345\n");
}

TEST(Table, PrintsTitlesWithoutRows) { EXPECT_EQ(Table({{"A"}, {"B"}}).Render(), "A  B\n"); }

TEST(Table, TakesRowsOfOtherLengths) {
  Table table({{"A"}, {"B"}});
  table.AddRow({"1"});
  table.AddRow({"1", "2", "3"});
  EXPECT_EQ(table.Render(), "A  B\n1\n1  2\n");
}

TEST(Table, CutsLinesToTheWidth) {
  Table table({{"A"}, {"TITLE"}});
  table.AddRow({"1", "écrit à la main"});
  EXPECT_EQ(Table(table).Render(8), "A  TITLE\n1  écri…\n");
  EXPECT_EQ(Table(table).Render(18), "A  TITLE\n1  écrit à la main\n");
  EXPECT_EQ(Table(table).Render(1), "…\n…\n");
}

TEST(Table, EscapesCells) {
  Table table({{"A"}});
  table.AddRow({"a\nb\x1b"});
  EXPECT_EQ(table.Render(), "A\na\\x0ab\\x1b\n");
}

TEST(Table, GoesOnBelowWhatItRenderedInColumnsThatOnlyGrow) {
  Table table({{"A"}, {"B"}});
  table.AddRow({"wide", "1"});
  EXPECT_EQ(table.Render(), "A     B\nwide  1\n");
  table.AddRow({"a", "2"});
  EXPECT_EQ(table.Render(), "a     2\n");
  table.AddRow({"wider", "3"});
  EXPECT_EQ(table.Render(), "wider  3\n");
}

TEST(RenderPairs, AlignsValuesAndLeavesEmptyOnesOut) {
  EXPECT_EQ(RenderPairs({{"a", "1"}, {"a longer name", ""}, {"name", "x\ny"}}),
            "a:     1\nname:  x\\x0ay\n");
}

TEST(HumanBytes, KeepsThreeOrFourDigits) {
  struct Case {
    std::uint64_t bytes;
    const char* text;
  };
  const Case cases[] = {
      {0, "0 B"},
      {1023, "1023 B"},
      {1024, "1.0 KiB"},
      {1536, "1.5 KiB"},
      {(1 << 20) - 1, "1.0 MiB"},
      {1 << 20, "1.0 MiB"},
      {std::uint64_t{1000} << 20, "1000.0 MiB"},
      {std::uint64_t{1} << 30, "1.0 GiB"},
      {std::numeric_limits<std::uint64_t>::max(), "16.0 EiB"},
  };
  for (const Case& test : cases) EXPECT_EQ(HumanBytes(test.bytes), test.text);
}

TEST(HumanEnum, DropsPrefixAndUnderscores) {
  EXPECT_EQ(HumanEnum("TRIGGER_HEARTBEAT_LOST", "TRIGGER_"), "heartbeat-lost");
  EXPECT_EQ(HumanEnum("TRIGGER_UNSPECIFIED", "TRIGGER_"), "");
  EXPECT_EQ(HumanEnum("", "TRIGGER_"), "");
}

TEST(HexDump, ShowsEveryByteAndItsText) {
  EXPECT_EQ(HexDump(0x10, {}), "");
  EXPECT_EQ(HexDump(0xffffffff81000000, AsBytes("Linux \x7f")),
            "ffffffff81000000: 4c69 6e75 7820 7f                        Linux .\n");
}

TEST(Progress, FillsTheBar) {
  EXPECT_EQ(RenderProgress(0, 100),
            "[>                                       ]   0%  0 B of 100 B");
  EXPECT_EQ(RenderProgress(50, 100),
            "[====================>                   ]  50%  50 B of 100 B");
  EXPECT_EQ(RenderProgress(100, 100),
            "[========================================] 100%  100 B of 100 B");
  EXPECT_EQ(RenderProgress(0, 0), "[========================================] 100%  0 B of 0 B");
}

TEST(ProgressBar, WritesOncePerPercent) {
  std::ostringstream out;
  {
    ProgressBar bar(out);
    for (std::uint64_t i = 0; i <= 10'000; ++i) bar.Update(i, 10'000);
  }
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\r'), 101);
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace
}  // namespace marrow::cli
