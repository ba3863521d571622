// SPDX-License-Identifier: Apache-2.0
#include "guest/agent/options.h"

#include <gtest/gtest.h>

#include <vector>

namespace marrow::agent {
namespace {

using std::chrono::milliseconds;

std::variant<Options, int> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "marrow-agent");
  return ParseOptions(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLine, DefaultsToPublishing) {
  const auto options = std::get<Options>(Parse({}));
  EXPECT_EQ(options.command, Command::kPublish);
  EXPECT_EQ(options.profile, "crash");
  EXPECT_EQ(options.period, milliseconds(1000));
  EXPECT_EQ(options.wait, milliseconds(0));
  EXPECT_FALSE(options.once);
}

TEST(CommandLine, ReadsItsOptions) {
  const auto options = std::get<Options>(
      Parse({"--window", "w", "--profile", "p", "--wait", "5", "--period", "250ms", "--once"}));
  EXPECT_EQ(options.window_path, "w");
  EXPECT_EQ(options.profile, "p");
  EXPECT_EQ(options.wait, milliseconds(5000));
  EXPECT_EQ(options.period, milliseconds(250));
  EXPECT_TRUE(options.once);
}

TEST(CommandLine, ReadsDump) {
  const auto options =
      std::get<Options>(Parse({"dump", "why not", "--timeout", "2", "--window", "w"}));
  EXPECT_EQ(options.command, Command::kRequestDump);
  EXPECT_EQ(options.dump_text, "why not");
  EXPECT_EQ(options.dump_timeout, milliseconds(2000));
  EXPECT_EQ(options.window_path, "w");
}

TEST(CommandLine, ReadsDryRun) {
  const auto options = std::get<Options>(Parse({"--dry-run", "-v"}));
  EXPECT_EQ(options.command, Command::kDryRun);
  EXPECT_TRUE(options.verbose);
}

TEST(CommandLine, ReadsExplain) {
  const auto options = std::get<Options>(Parse({"explain", "--profile", "log", "-v"}));
  EXPECT_EQ(options.command, Command::kExplain);
  EXPECT_EQ(options.profile, "log");
  EXPECT_TRUE(options.verbose);
}

TEST(CommandLine, ExitsWithTwoOnMistakes) {
  const std::vector<std::vector<const char*>> cases = {{"--unknown"},     {"extra"},
                                                       {"--period", "0"}, {"--period", "x"},
                                                       {"--wait"},        {"dump", "a", "b"}};
  for (const auto& arguments : cases) {
    const auto parsed = Parse(arguments);
    ASSERT_TRUE(std::holds_alternative<int>(parsed)) << arguments[0];
    EXPECT_EQ(std::get<int>(parsed), 2) << arguments[0];
  }
}

TEST(CommandLine, HelpExitsWithZero) { EXPECT_EQ(std::get<int>(Parse({"--help"})), 0); }

TEST(Duration, IsSecondsUnlessItSaysMilliseconds) {
  const struct {
    const char* text;
    int ms;
  } cases[] = {{"1", 1000},    {"2s", 2000}, {"0.25", 250},
               {"250ms", 250}, {"0", 0},     {"86400", 86400000}};
  for (const auto& c : cases) EXPECT_EQ(ParseDuration(c.text), milliseconds(c.ms)) << c.text;
}

TEST(Duration, RejectsEverythingElse) {
  for (const char* text :
       {"", "s", "-1", "1m", "1h", "1 s", "nan", "1e9", "86401", "1..2", "ms", "."}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace marrow::agent
