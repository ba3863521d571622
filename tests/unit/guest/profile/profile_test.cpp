// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guest/profile/shipped.h"

namespace marrow::profile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

Directive Only(std::string_view line) {
  const auto profile = ParseProfile(line, "test");
  EXPECT_TRUE(profile.ok()) << profile.error();
  EXPECT_EQ(profile->directives.size(), 1u);
  return profile->directives.at(0);
}

TEST(Profile, ReadsEveryDirective) {
  const auto profile = ParseProfile(
      "symbol a\nsection b c\npercpu d\npointer e size 8\nprintk-ring\nvmcoreinfo\niomem f\n", "p");
  ASSERT_TRUE(profile.ok()) << profile.error();
  std::vector<DirectiveKind> kinds;
  for (const Directive& directive : profile->directives) kinds.push_back(directive.kind);
  EXPECT_THAT(kinds,
              ElementsAre(DirectiveKind::kSymbol, DirectiveKind::kSection, DirectiveKind::kPercpu,
                          DirectiveKind::kPointer, DirectiveKind::kPrintkRing,
                          DirectiveKind::kVmcoreinfo, DirectiveKind::kIomem));
  EXPECT_THAT(profile->directives[1].end_names, ElementsAre("c"));
}

TEST(Profile, ReadsModifiersInAnyOrder) {
  const Directive directive = Only("symbol tasks optional class task size 0x40  # why");
  EXPECT_EQ(directive.size, 64u);
  EXPECT_EQ(directive.region_class, MARROW_CLASS_TASK);
  EXPECT_TRUE(directive.optional);
}

TEST(Profile, ReadsSizes) {
  const struct {
    const char* text;
    std::uint64_t bytes;
  } cases[] = {{"1", 1}, {"4096", 4096}, {"0x1000", 4096}, {"4K", 4096}, {"2M", 2 << 20}};
  for (const auto& c : cases) {
    EXPECT_EQ(Only(std::string("symbol a size ") + c.text).size, c.bytes) << c.text;
  }
}

TEST(Profile, ReadsAlternatives) {
  EXPECT_THAT(Only("symbol init_top_pgt?swapper_pg_dir").names,
              ElementsAre("init_top_pgt", "swapper_pg_dir"));
  EXPECT_THAT(Only("section a?b c?d").end_names, ElementsAre("c", "d"));
}

TEST(Profile, ReadsQuotedNames) {
  EXPECT_THAT(Only("iomem \"Kernel # code\"").names, ElementsAre("Kernel # code"));
}

TEST(Profile, SkipsCommentsAndEmptyLines) {
  const auto profile = ParseProfile("\n  # comment\r\n\nsymbol a#b\r\n", "p");
  ASSERT_TRUE(profile.ok()) << profile.error();
  ASSERT_EQ(profile->directives.size(), 1u);
  EXPECT_THAT(profile->directives[0].names, ElementsAre("a"));
  EXPECT_EQ(profile->directives[0].place, "p:4");
}

TEST(Profile, RejectsMistakesWithTheirPlace) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"symbols a", "unknown directive 'symbols'"},
      {"symbol", "symbol needs a name"},
      {"section a", "section needs the names of its start and its end"},
      {"pointer a", "pointer needs a size"},
      {"symbol a?", "an empty name"},
      {"symbol ?a", "an empty name"},
      {"iomem \"\"", "an empty name"},
      {"iomem \"a", "a quote is not closed"},
      {"symbol a size", "size takes"},
      {"symbol a size 0", "size takes"},
      {"symbol a size -1", "size takes"},
      {"symbol a size 1G", "size takes"},
      {"symbol a size K", "size takes"},
      {"symbol a size 18446744073709551615", "size takes"},
      {"symbol a size 18446744073709551615M", "size takes"},
      {"section a b size 4", "unexpected word 'size'"},
      {"symbol a class kernel", "class takes"},
      {"symbol a class", "class takes"},
      {"symbol a b", "unexpected word 'b'"},
      {"printk-ring prb", "unexpected word 'prb'"},
  };
  for (const auto& c : cases) {
    const auto profile = ParseProfile(std::string("vmcoreinfo\n") + c.text, "my.profile");
    ASSERT_FALSE(profile.ok()) << c.text;
    EXPECT_THAT(profile.error(), StartsWith("my.profile:2: ")) << c.text;
    EXPECT_THAT(profile.error(), HasSubstr(c.says)) << c.text;
  }
}

TEST(ClassName, IsWhatTheProfileSays) {
  for (std::uint16_t value = 0; value <= MARROW_CLASS_SECRET; ++value) {
    EXPECT_EQ(Only(std::string("vmcoreinfo class ") + ClassName(value)).region_class, value);
  }
  EXPECT_STREQ(ClassName(5), "unknown");
}

}  // namespace
}  // namespace marrow::profile
