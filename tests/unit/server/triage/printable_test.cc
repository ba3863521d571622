// SPDX-License-Identifier: Apache-2.0
#include "server/triage/printable.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

TEST(Printable, KeepsTextAndEscapesTheRest) {
  struct Case {
    absl::string_view text;
    absl::string_view expected;
  };
  const Case cases[] = {
      {"", ""},
      {"plain ~", "plain ~"},
      {"tab\tstays", "tab\tstays"},
      {"\x1b[2J", "\\x1b[2J"},
      {absl::string_view("\0", 1), "\\x00"},
      {"a\nb\rc\x7f", "a\\x0ab\\x0dc\\x7f"},
      {"\u00e9 \u20ac \U0001f600", "\u00e9 \u20ac \U0001f600"},
      {"\xc2\x9b", "\\xc2\\x9b"},                    // C1 control: CSI
      {"\x80", "\\x80"},                             // continuation without lead
      {"\xc3", "\\xc3"},                             // lead at the end
      {"\xc3(", "\\xc3("},                           // lead without continuation
      {"\xc0\xaf", "\\xc0\\xaf"},                    // overlong
      {"\xe0\x80\xaf", "\\xe0\\x80\\xaf"},           // overlong
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},           // surrogate
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // above U+10FFFF
      {"\xf8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
      {"\xff", "\\xff"},
  };
  for (const Case& test : cases) EXPECT_EQ(Printable(test.text), test.expected);
}

TEST(Utf8Prefix, NeverEndsInsideACharacter) {
  const absl::string_view text = "a\u20acb";
  EXPECT_EQ(Utf8Prefix(text, 0), "");
  EXPECT_EQ(Utf8Prefix(text, 1), "a");
  EXPECT_EQ(Utf8Prefix(text, 2), "a");
  EXPECT_EQ(Utf8Prefix(text, 3), "a");
  EXPECT_EQ(Utf8Prefix(text, 4), "a\u20ac");
  EXPECT_EQ(Utf8Prefix(text, 5), text);
  EXPECT_EQ(Utf8Prefix(text, 99), text);
}

}  // namespace
}  // namespace marrow
