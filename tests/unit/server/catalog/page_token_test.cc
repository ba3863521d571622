// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/page_token.h"

#include <gtest/gtest.h>

#include <limits>

#include "server/errors/error_info.h"
#include "tests/fakes/sample_dump.h"

namespace marrow {
namespace {

constexpr OrderBy kByTime{OrderField::kCaptureTime, OrderDirection::kDescending};
constexpr OrderBy kByVm{OrderField::kVm, OrderDirection::kAscending};

PageKey TimeKey() { return {.value = std::int64_t{-5}, .dump_id = SampleId(1)}; }

Filter FilterOf(const char* text) {
  const auto filter = ParseFilter(text);
  EXPECT_TRUE(filter.ok()) << filter.status();
  return *filter;
}

std::string ReasonFor(absl::string_view token, const Filter& filter, const OrderBy& order) {
  return ReasonOf(DecodePageToken(token, filter, order).status());
}

TEST(PageToken, RoundTripsNumbers) {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
        std::numeric_limits<std::int64_t>::max()}) {
    const PageKey key{.value = value, .dump_id = SampleId(7)};
    const auto back = DecodePageToken(EncodePageToken(key, {}, kByTime), {}, kByTime);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(std::get<std::int64_t>(back->value), value);
    EXPECT_EQ(back->dump_id, key.dump_id);
  }
}

TEST(PageToken, RoundTripsText) {
  for (const std::string& value : {std::string(), std::string("vm-1"), std::string("a\0b", 3)}) {
    const PageKey key{.value = value, .dump_id = SampleId(7)};
    const auto back = DecodePageToken(EncodePageToken(key, {}, kByVm), {}, kByVm);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(std::get<std::string>(back->value), value);
  }
}

TEST(PageToken, RefusesEveryChangedCharacter) {
  const std::string token = EncodePageToken(TimeKey(), {}, kByTime);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(ReasonFor(changed, {}, kByTime), "PAGE_TOKEN_INVALID") << i;
  }
}

TEST(PageToken, RefusesEveryCutToken) {
  const std::string token = EncodePageToken(TimeKey(), {}, kByTime);
  for (std::size_t n = 0; n < token.size(); ++n) {
    EXPECT_EQ(ReasonFor(token.substr(0, n), {}, kByTime), "PAGE_TOKEN_INVALID") << n;
  }
}

TEST(PageToken, BelongsToItsFilter) {
  const std::string token = EncodePageToken(TimeKey(), FilterOf("vm = \"a\""), kByTime);
  EXPECT_EQ(ReasonFor(token, FilterOf("vm = \"b\""), kByTime), "PAGE_TOKEN_MISMATCH");
}

TEST(PageToken, AcceptsTheSameFilterWrittenOtherwise) {
  const std::string token = EncodePageToken(TimeKey(), FilterOf("vm = \"a\""), kByTime);
  EXPECT_TRUE(DecodePageToken(token, FilterOf("  (vm=a)"), kByTime).ok());
}

TEST(PageToken, BelongsToItsOrder) {
  const std::string token = EncodePageToken(TimeKey(), {}, kByTime);
  for (const OrderBy& other : {OrderBy{OrderField::kReceiveTime, OrderDirection::kDescending},
                               OrderBy{OrderField::kCaptureTime, OrderDirection::kAscending}}) {
    EXPECT_EQ(ReasonFor(token, {}, other), "PAGE_TOKEN_MISMATCH");
  }
}

TEST(PageToken, IsFitForUrls) {
  const std::string token = EncodePageToken(TimeKey(), {}, kByTime);
  EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789-_"),
            std::string::npos)
      << token;
}

}  // namespace
}  // namespace marrow
