// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/query/filter.h"

namespace marrow {
namespace {

using testing::HasSubstr;

std::string Normal(absl::string_view text) {
  const auto filter = ParseFilter(text);
  return filter.ok() ? FormatFilter(*filter) : std::string(filter.status().message());
}

TEST(ParseFilter, AcceptsNothingAsEverything) {
  EXPECT_EQ(Normal(""), "");
  EXPECT_EQ(Normal(" \t\n"), "");
}

TEST(ParseFilter, AcceptsEveryFieldAndOperator) {
  struct Case {
    const char* text;
    const char* normal;
  };
  const Case cases[] = {
      {"vm=web1", "vm = \"web1\""},
      {"host != kvm-7.example.com", "host != \"kvm-7.example.com\""},
      {"kernel_release:6.1", "kernel_release : \"6.1\""},
      {"build_id<a", "build_id < \"a\""},
      {"title<='b c'", "title <= \"b c\""},
      {"trigger=PANIC", "trigger = TRIGGER_PANIC"},
      {"trigger != TRIGGER_HEARTBEAT_LOST", "trigger != TRIGGER_HEARTBEAT_LOST"},
      {"state=\"PARTIAL\"", "state = DUMP_STATE_PARTIAL"},
      {"capture_time>2026-01-31T23:59:59Z", "capture_time > 2026-01-31T23:59:59+00:00"},
      {"receive_time>=\"2026-01-31T23:59:59.5+02:00\"",
       "receive_time >= 2026-01-31T21:59:59.5+00:00"},
      {"labels.env=prod", "labels.env = \"prod\""},
      {"labels.app.kubernetes.io/name:x", "labels.app.kubernetes.io/name : \"x\""},
      {"labels:env", "labels:\"env\""},
      {"labels:\"a key\"", "labels:\"a key\""},
      {R"(vm="quote \" and \\ and \'")", R"(vm = "quote \" and \\ and '")"},
      {"vm=\"\"", "vm = \"\""},
      {"vm=\"AND\"", "vm = \"AND\""},
      {"vm=-x", "vm = \"-x\""},
      {"vm=a:b", "vm = \"a:b\""},
  };
  for (const Case& test : cases) EXPECT_EQ(Normal(test.text), test.normal);
}

TEST(ParseFilter, BindsOrTighterThanAnd) {
  struct Case {
    const char* text;
    const char* normal;
  };
  const Case cases[] = {
      {"vm=a AND vm=b OR vm=c", "vm = \"a\" AND vm = \"b\" OR vm = \"c\""},
      {"vm=a AND (vm=b OR vm=c)", "vm = \"a\" AND vm = \"b\" OR vm = \"c\""},
      {"(vm=a AND vm=b) OR vm=c", "(vm = \"a\" AND vm = \"b\") OR vm = \"c\""},
      {"vm=a vm=b OR vm=c", "vm = \"a\" AND vm = \"b\" OR vm = \"c\""},
      {"NOT vm=a OR vm=b", "NOT vm = \"a\" OR vm = \"b\""},
      {"NOT (vm=a OR vm=b)", "NOT (vm = \"a\" OR vm = \"b\")"},
      {"-vm=a", "NOT vm = \"a\""},
      {"NOT (NOT vm=a)", "NOT (NOT vm = \"a\")"},
      {"((vm=a))", "vm = \"a\""},
      {"(vm=a)(vm=b)", "vm = \"a\" AND vm = \"b\""},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(Normal(test.text), test.normal) << test.text;
    EXPECT_EQ(Normal(test.normal), test.normal) << test.text;
  }
  const auto filter = ParseFilter("vm=a AND vm=b OR vm=c");
  ASSERT_TRUE(filter.ok());
  ASSERT_EQ(filter->kind, FilterKind::kAnd);
  ASSERT_EQ(filter->operands.size(), 2u);
  EXPECT_EQ(filter->operands[1].kind, FilterKind::kOr);
}

TEST(ParseFilter, SaysWhereAndWhatItExpected) {
  struct Case {
    const char* text;
    const char* column;
    const char* expected;
  };
  const Case cases[] = {
      {"vm", "column 3", "one of = != < <= > >= :"},
      {"name=a", "column 1", "a field, one of vm, host, trigger"},
      {"labels.=a", "column 1", "labels.KEY"},
      {"labels=a", "column 7", "labels.KEY = ..."},
      {"vm=", "column 4", "a value"},
      {"vm=AND", "column 4", "quote"},
      {"vm==a", "column 4", "a value"},
      {"vm!a", "column 3", "one of = !="},
      {"vm=a)", "column 5", "AND, OR or the end"},
      {"vm=a AND", "column 9", "a field name"},
      {"vm=a OR AND vm=b", "column 9", "a field name"},
      {"AND vm=a", "column 1", "a field name"},
      {"NOT", "column 4", "a field name"},
      {"NOT NOT vm=a", "column 5", "a field name"},
      {"(vm=a", "column 6", "AND, OR or )"},
      {"()", "column 2", "a field name"},
      {"\"vm\"=a", "column 1", "a field name"},
      {"vm=\"a", "column 4", "a closing \""},
      {"vm=\"a\\", "column 4", "a closing \""},
      {"vm='a\\n'", "column 6", "escapes"},
      {"trigger=CRASH", "column 9", "one of PANIC, CRASH_LOADED"},
      {"trigger=UNSPECIFIED", "column 9", "one of PANIC"},
      {"trigger>PANIC", "column 8", "= or !="},
      {"state:PART", "column 6", "= or !="},
      {"capture_time=yesterday", "column 14", "RFC 3339"},
      {"capture_time<infinite-future", "column 14", "RFC 3339"},
      {"capture_time<10000-01-01T00:00:00Z", "column 14", "RFC 3339"},
      {"capture_time:2026", "column 13", "one of = !="},
  };
  for (const Case& test : cases) {
    const auto filter = ParseFilter(test.text);
    EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << test.text;
    EXPECT_THAT(std::string(filter.status().message()), HasSubstr(absl::StrCat(test.column, ":")))
        << test.text;
    EXPECT_THAT(std::string(filter.status().message()), HasSubstr(test.expected)) << test.text;
  }
}

std::string Nested(int depth) {
  const auto n = static_cast<std::size_t>(depth);
  return absl::StrCat(std::string(n, '('), "vm=a", std::string(n, ')'));
}

TEST(ParseFilter, BoundsDepth) {
  EXPECT_TRUE(ParseFilter(Nested(kMaxFilterDepth)).ok());
  EXPECT_THAT(Normal(Nested(kMaxFilterDepth + 1)), HasSubstr("nested parentheses"));
  EXPECT_THAT(Normal(std::string(kMaxFilterBytes, '(')), HasSubstr("nested parentheses"));
}

TEST(ParseFilter, BoundsComparisons) {
  std::string text;
  for (int i = 0; i < kMaxFilterComparisons; ++i) text += "vm=a ";
  EXPECT_TRUE(ParseFilter(text).ok());
  EXPECT_THAT(Normal(text + "vm=a"), HasSubstr("comparisons"));
}

TEST(ParseFilter, BoundsLength) {
  std::string text = "vm=a";
  text.resize(kMaxFilterBytes, ' ');
  EXPECT_TRUE(ParseFilter(text).ok());
  EXPECT_THAT(Normal(text + " "), HasSubstr("4097 bytes"));
}

}  // namespace
}  // namespace marrow
