// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "server/catalog/sqlite_catalog.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"

namespace marrow {
namespace {

constexpr int kDumps = 31;

class SqlitePaging : public testing::TestWithParam<std::tuple<OrderField, OrderDirection>> {
 protected:
  void SetUp() override {
    auto catalog = SqliteCatalog::Open(directory_.Path("catalog.db"));
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    catalog_ = *std::move(catalog);
    for (int i = 0; i < kDumps; ++i) ASSERT_TRUE(catalog_->Insert(SampleDump(i)).ok());
  }

  OrderBy order() const { return {std::get<0>(GetParam()), std::get<1>(GetParam())}; }

  // Ids by way of pages of `size`; `between` is called after each page.
  std::vector<std::string> Walk(std::size_t size, const std::function<void(int)>& between) {
    std::vector<std::string> ids;
    ListQuery query{.filter = {}, .order = order(), .after = std::nullopt, .max_dumps = size};
    for (int page_number = 0;; ++page_number) {
      const auto page = catalog_->List(query);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return ids;
      EXPECT_LE(page->dumps.size(), size);
      for (const v1::Dump& dump : page->dumps) ids.push_back(dump.manifest().dump_id());
      if (!page->next) return ids;
      query.after = page->next;
      between(page_number);
    }
  }

  // What a stable sort of all dumps gives.
  std::vector<std::string> Expected() const {
    std::vector<PageKey> keys;
    for (int i = 0; i < kDumps; ++i) keys.push_back(KeyOf(SampleDump(i), order().field));
    std::sort(keys.begin(), keys.end(), [this](const PageKey& a, const PageKey& b) {
      const bool less = std::tie(a.value, a.dump_id) < std::tie(b.value, b.dump_id);
      const bool more = std::tie(b.value, b.dump_id) < std::tie(a.value, a.dump_id);
      return order().direction == OrderDirection::kAscending ? less : more;
    });
    std::vector<std::string> ids;
    for (const PageKey& key : keys) ids.push_back(key.dump_id);
    return ids;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<SqliteCatalog> catalog_;
};

TEST_P(SqlitePaging, GivesEveryDumpOnceInOrder) {
  for (const std::size_t size : {1u, 7u, 30u, 31u, 32u}) {
    EXPECT_EQ(Walk(size, [](int) {}), Expected()) << "pages of " << size;
  }
}

TEST_P(SqlitePaging, HasNoGapsWhenDumpsComeAndGo) {
  const std::vector<std::string> expected = Expected();
  const std::vector<std::string> ids = Walk(5, [&](int page) {
    // One that was listed goes, and a newcomer takes its place in the order.
    ASSERT_TRUE(catalog_->Delete(expected[static_cast<std::size_t>(page) * 5]).ok());
    ASSERT_TRUE(catalog_->Insert(SampleDump(1000 + page)).ok());
  });
  std::vector<std::string> known;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(known), [&](const std::string& id) {
    return std::find(expected.begin(), expected.end(), id) != expected.end();
  });
  EXPECT_EQ(known, expected);
}

INSTANTIATE_TEST_SUITE_P(
    Orders, SqlitePaging,
    testing::Combine(testing::Values(OrderField::kCaptureTime, OrderField::kReceiveTime,
                                     OrderField::kVm, OrderField::kHost, OrderField::kCoreBytes),
                     testing::Values(OrderDirection::kAscending, OrderDirection::kDescending)));

using SqlitePageBytes = SqlitePaging;

TEST_P(SqlitePageBytes, EndAPageEarly) {
  ListQuery query{.filter = {}, .order = order(), .after = std::nullopt, .max_dumps = 100};
  query.max_bytes = 3 * SampleDump(10).ByteSizeLong();
  const auto page = catalog_->List(query);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_LT(page->dumps.size(), 5u);
  EXPECT_TRUE(page->next.has_value());
}

TEST_P(SqlitePageBytes, NeverEndAPageBeforeItsFirstDump) {
  ListQuery query{.filter = {}, .order = order(), .after = std::nullopt, .max_dumps = 100};
  query.max_bytes = 1;
  const auto page = catalog_->List(query);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->dumps.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(One, SqlitePageBytes,
                         testing::Values(std::tuple(OrderField::kCaptureTime,
                                                    OrderDirection::kDescending)));

}  // namespace
}  // namespace marrow
