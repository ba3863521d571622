// SPDX-License-Identifier: Apache-2.0
#include "guest/profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

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

TEST(Profile, ReadsTypesWithTheirFields) {
  const auto profile = ParseProfile(
      "type a?b as view bytes 0 class task optional from 5.10 before 6.2\n"
      "  x.y?z pointer t.m?n count 2 elements n?m max 4K tag 3=2 clear 7 limit 9 adjust -8 zeros"
      " if-mapped class log optional from 6.1\n\n"
      "\tw string  # with a tab\n"
      "vmcoreinfo\n"
      "type c\n",
      "p");
  ASSERT_TRUE(profile.ok()) << profile.error();
  ASSERT_EQ(profile->types.size(), 2u);
  const TypeBlock& type = profile->types[0];
  EXPECT_THAT(type.names, ElementsAre("a", "b"));
  EXPECT_EQ(type.view, "view");
  EXPECT_TRUE(type.aliased);
  EXPECT_EQ(type.bytes, 0u);
  EXPECT_EQ(type.region_class, MARROW_CLASS_TASK);
  EXPECT_TRUE(type.condition.optional);
  EXPECT_EQ(type.condition.from, (Version{5, 10}));
  EXPECT_EQ(type.condition.before, (Version{6, 2}));
  ASSERT_EQ(type.fields.size(), 2u);
  const Field& field = type.fields[0];
  EXPECT_THAT(field.path, ElementsAre("x.y", "z"));
  EXPECT_EQ(field.place, "p:2");
  EXPECT_TRUE(field.condition.optional);
  EXPECT_EQ(field.condition.from, (Version{6, 1}));
  EXPECT_EQ(field.link.kind, LinkKind::kPointer);
  EXPECT_EQ(field.link.target, "t");
  EXPECT_THAT(field.link.target_path, ElementsAre("m", "n"));
  EXPECT_EQ(field.link.count, 2u);
  EXPECT_THAT(field.link.row.path, ElementsAre("n", "m"));
  EXPECT_EQ(field.link.row.maximum, 4096u);
  EXPECT_EQ(field.link.tag_mask, 3u);
  EXPECT_EQ(field.link.tag_value, 2u);
  EXPECT_EQ(field.link.clear_mask, 7u);
  EXPECT_EQ(field.link.limit, 9u);
  EXPECT_EQ(field.link.adjust, -8);
  EXPECT_TRUE(field.link.zeros);
  EXPECT_TRUE(field.link.if_mapped);
  EXPECT_EQ(field.link.region_class, MARROW_CLASS_LOG);
  EXPECT_EQ(type.fields[1].link.kind, LinkKind::kString);
  EXPECT_EQ(profile->types[1].view, "c");
}

TEST(Profile, ReadsRoots) {
  const auto profile = ParseProfile(
      "root percpu a?b optional pointer t priority 3 max-objects 4 max-bytes 2K\n"
      "root c object bytes 16\n",
      "p");
  ASSERT_TRUE(profile.ok()) << profile.error();
  ASSERT_EQ(profile->roots.size(), 2u);
  const RootLine& root = profile->roots[0];
  EXPECT_TRUE(root.percpu);
  EXPECT_THAT(root.names, ElementsAre("a", "b"));
  EXPECT_TRUE(root.condition.optional);
  EXPECT_EQ(root.link.target, "t");
  EXPECT_EQ(root.priority, 3);
  EXPECT_EQ(root.max_objects, 4u);
  EXPECT_EQ(root.max_bytes, 2048u);
  EXPECT_EQ(profile->roots[1].link.kind, LinkKind::kEmbedded);
  EXPECT_EQ(profile->roots[1].link.bytes, 16u);
}

TEST(Profile, ReadsLiveLines) {
  const auto profile = ParseProfile(
      "live a?b c?d string 64 priority 3 optional max-objects 4\n"
      "live e f object t if-mapped\n"
      "live g h from 6.1 object bytes 16 class log\n",
      "p");
  ASSERT_TRUE(profile.ok()) << profile.error();
  ASSERT_EQ(profile->roots.size(), 3u);
  const RootLine& text = profile->roots[0];
  EXPECT_THAT(text.names, ElementsAre("a", "b"));
  EXPECT_THAT(text.end_names, ElementsAre("c", "d"));
  EXPECT_EQ(text.link.kind, LinkKind::kString);
  EXPECT_EQ(text.link.bytes, 64u);
  EXPECT_EQ(text.priority, 3);
  EXPECT_EQ(text.max_objects, 4u);
  EXPECT_TRUE(text.condition.optional);
  EXPECT_EQ(text.place, "p:1");
  EXPECT_EQ(profile->roots[1].link.target, "t");
  EXPECT_TRUE(profile->roots[1].link.if_mapped);
  EXPECT_EQ(profile->roots[2].link.bytes, 16u);
  EXPECT_EQ(profile->roots[2].condition.from, (Version{6, 1}));
}

TEST(Profile, ReadsEveryKindOfLink) {
  const struct {
    const char* text;
    LinkKind kind;
  } cases[] = {
      {"pointer", LinkKind::kPointer},
      {"pointer bytes 4", LinkKind::kPointer},
      {"pointer bytes n max 4", LinkKind::kPointer},
      {"embedded", LinkKind::kEmbedded},
      {"table t elements 4", LinkKind::kTable},
      {"ring", LinkKind::kRing},
      {"list t.m", LinkKind::kList},
      {"hlist t.m", LinkKind::kHlist},
      {"chain t.m.n", LinkKind::kChain},
      {"rbtree t.m", LinkKind::kRbtree},
      {"xarray t", LinkKind::kXarray},
      {"maple t", LinkKind::kMaple},
      {"percpu", LinkKind::kPercpu},
      {"kernel-stack sp", LinkKind::kKernelStack},
      {"string 8", LinkKind::kString},
      {"orc e n", LinkKind::kOrc},
  };
  for (const auto& c : cases) {
    const auto profile = ParseProfile(std::string("type a\n  f ") + c.text, "p");
    ASSERT_TRUE(profile.ok()) << profile.error();
    EXPECT_EQ(profile->types[0].fields[0].link.kind, c.kind) << c.text;
  }
}

TEST(Profile, RejectsMistakesOfTheGraph) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"  f pointer", "no type line above it"},
      {"type", "type needs the name"},
      {"type a?", "an empty name"},
      {"type a as", "as takes a name"},
      {"type a bytes -1", "bytes takes a number from 0 to 64M"},
      {"type a bytes 65M", "bytes takes a number from 0 to 64M"},
      {"type a class x", "class takes kernel-data"},
      {"type a from 6", "from takes a kernel version like 6.1"},
      {"type a before 6.x", "before takes a kernel version like 6.1"},
      {"type a size 4", "unexpected word 'size'; there are as, bytes"},
      {"root", "root needs the name"},
      {"root percpu", "root needs the name"},
      {"root a", "no kind of link: there are pointer, object"},
      {"root a ring", "unknown kind of link 'ring'; there are pointer, object"},
      {"root a kernel-stack sp", "unknown kind of link"},
      {"root a object", "a root needs TYPE or bytes N"},
      {"root a pointer", "a root needs TYPE or bytes N"},
      {"root a pointer t elements n", "a root takes a number"},
      {"root a pointer bytes n", "a root takes a number"},
      {"root a object t priority 65536", "priority takes"},
      {"root a object t max-objects 0", "max-objects takes"},
      {"root a object t max-bytes x", "max-bytes takes"},
      {"root a object t size 4", "unexpected word 'size'; there are count"},
      {"live", "live needs the symbols"},
      {"live a", "live needs the symbols"},
      {"live a optional", "live needs the symbols"},
      {"live a? b string", "an empty name"},
      {"live a b", "no kind of link"},
      {"live a b pointer t", "live takes string or object"},
      {"live a b list t.m", "live takes string or object"},
      {"live a b object", "a live object needs TYPE or bytes N"},
      {"live a b object t.m", "a live object needs TYPE or bytes N"},
      {"live a b object bytes n", "a live object needs TYPE or bytes N"},
      {"live a b string 65K", "string takes"},
      {"live a b string count 3", "live takes no count"},
      {"live a b object t elements 3", "live takes no count"},
      {"live a b object t tag 1=1", "live takes no count"},
      {"live a b object t adjust 8", "live takes no count"},
      {"live a b string priority x", "priority takes"},
      {"live a b string 8 size 4", "unexpected word 'size'"},
      {"orc x", "unexpected word 'x'"},
      {"text", "text needs before N"},
      {"text before", "before takes"},
      {"text around 4", "unexpected word 'around'; there are before and after"},
      {"text after 65K", "after takes"},
      {"include", "include needs the name"},
      {"include log crash", "unexpected word 'crash'"},
      {"include none", "no profile 'none' to include; shipped are log, crash, tasks-full"},
  };
  for (const auto& c : cases) {
    const auto profile = ParseProfile(std::string("vmcoreinfo\n") + c.text, "my.profile");
    ASSERT_FALSE(profile.ok()) << c.text;
    EXPECT_THAT(profile.error(), StartsWith("my.profile:2: ")) << c.text;
    EXPECT_THAT(profile.error(), HasSubstr(c.says)) << c.text;
  }
}

TEST(Profile, RejectsMistakesInFields) {
  const struct {
    const char* text;
    const char* says;
  } cases[] = {
      {"f", "no kind of link: there are pointer, embedded"},
      {"f?", "an empty name"},
      {"f points", "unknown kind of link 'points'; there are pointer, embedded"},
      {"f object t", "unknown kind of link 'object'"},
      {"f pointer .m", "is no type"},
      {"f pointer t?u", "is no type"},
      {"f pointer t.", "an empty member name"},
      {"f pointer t u", "unexpected word 'u'"},
      {"f pointer bytes", "bytes takes"},
      {"f pointer bytes 0", "bytes takes"},
      {"f pointer bytes n max", "bytes takes"},
      {"f pointer bytes n max 65M", "bytes takes"},
      {"f pointer t priority 3", "unexpected word 'priority'"},
      {"f list", "list needs TYPE.MEMBER"},
      {"f list t", "list needs TYPE.MEMBER"},
      {"f xarray", "xarray needs a type"},
      {"f xarray count 3", "xarray needs a type"},
      {"f ring t", "unexpected word 't'"},
      {"f kernel-stack", "kernel-stack needs the member"},
      {"f orc e", "orc needs the members"},
      {"f string 65K", "string takes"},
      {"f pointer count 0", "count takes"},
      {"f pointer count 2M", "count takes"},
      {"f pointer elements", "elements takes"},
      {"f pointer elements 0", "elements takes"},
      {"f pointer elements n max 0", "elements takes"},
      {"f pointer tag 3", "tag takes"},
      {"f pointer tag 2=1", "tag takes"},
      {"f pointer tag 0x100000000=0", "tag takes"},
      {"f pointer clear x", "clear takes"},
      {"f pointer limit 0", "limit takes"},
      {"f pointer adjust 1K", "adjust takes"},
      {"f pointer adjust -99999999999", "adjust takes"},
      {"f pointer class x", "class takes"},
      {"f pointer from 6.1.2", "from takes"},
  };
  for (const auto& c : cases) {
    const auto profile = ParseProfile(std::string("type a\n  ") + c.text, "my.profile");
    ASSERT_FALSE(profile.ok()) << c.text;
    EXPECT_THAT(profile.error(), StartsWith("my.profile:2: ")) << c.text;
    EXPECT_THAT(profile.error(), HasSubstr(c.says)) << c.text;
  }
}

// A finder over a few profiles.
FindProfile Finder(std::map<std::string, std::string_view, std::less<>> profiles) {
  return
      [profiles = std::move(profiles)](std::string_view name) -> std::optional<std::string_view> {
        const auto found = profiles.find(name);
        if (found == profiles.end()) return std::nullopt;
        return found->second;
      };
}

TEST(ProfileInclude, ComesInItsPlaceAndOnce) {
  const auto find = Finder({{"a", "symbol a"}, {"b", "include a\nsymbol b"}});
  const auto profile = ParseProfile("include b\nsymbol c\ninclude a\n", "p", find);
  ASSERT_TRUE(profile.ok()) << profile.error();
  std::vector<std::string> places;
  for (const Directive& directive : profile->directives) places.push_back(directive.place);
  EXPECT_THAT(places, ElementsAre("a.profile:1", "b.profile:2", "p:2"));
}

TEST(ProfileInclude, EndsTheTypeAboveIt) {
  const auto find = Finder({{"a", "type a"}});
  EXPECT_FALSE(ParseProfile("include a\n  f pointer\n", "p", find).ok());
  EXPECT_FALSE(ParseProfile("type t\ninclude b\n", "p", Finder({{"b", "  f pointer"}})).ok());
}

TEST(ProfileInclude, OfItselfIsRefused) {
  const auto find = Finder({{"a", "\ninclude b"}, {"b", "include a"}});
  const auto profile = ParseProfile("include a", "p", find);
  ASSERT_FALSE(profile.ok());
  EXPECT_EQ(profile.error(), "b.profile:1: profile a includes itself");
}

TEST(ProfileInclude, TellsMistakesByTheirOwnPlace) {
  const auto profile = ParseProfile("include a", "p", Finder({{"a", "symbol x\nsymbol"}}));
  ASSERT_FALSE(profile.ok());
  EXPECT_THAT(profile.error(), StartsWith("a.profile:2: symbol needs a name"));
}

TEST(ShippedProfiles, AreSound) {
  for (const std::string_view name : ShippedProfileNames()) {
    const auto profile = ParseProfile(*FindShippedProfile(name), name);
    EXPECT_TRUE(profile.ok()) << profile.error();
  }
}

TEST(ShippedProfiles, AreJoinedByAnExampleThatIsSound) {
  std::ifstream file(MARROW_EXAMPLE_PROFILE);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto profile = ParseProfile(text, "example-driver.profile");
  ASSERT_TRUE(profile.ok()) << profile.error();
  EXPECT_FALSE(profile->roots.empty());
}

TEST(ShippedProfiles, AreFoundByNameOnly) {
  EXPECT_THAT(ShippedProfileNames(), ElementsAre("log", "crash", "tasks-full"));
  EXPECT_FALSE(FindShippedProfile("none"));
  EXPECT_FALSE(FindShippedProfile(""));
}

TEST(ClassName, IsWhatTheProfileSays) {
  for (std::uint16_t value = 0; value <= MARROW_CLASS_SECRET; ++value) {
    EXPECT_EQ(Only(std::string("vmcoreinfo class ") + ClassName(value)).region_class, value);
  }
  EXPECT_STREQ(ClassName(5), "unknown");
}

}  // namespace
}  // namespace marrow::profile
