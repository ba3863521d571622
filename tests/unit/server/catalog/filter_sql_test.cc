// SPDX-License-Identifier: Apache-2.0
// The SQL of a filter selects exactly what Matches() accepts.
#include "server/catalog/filter_sql.h"

#include <gtest/gtest.h>

#include <set>

#include "server/catalog/sqlite_catalog.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"

namespace marrow {
namespace {

constexpr int kDumps = 40;

class FilterSql : public testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TemporaryDirectory();
    auto catalog = SqliteCatalog::Open(directory_->Path("catalog.db"));
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    catalog_ = catalog->release();
    for (int i = 0; i < kDumps; ++i) ASSERT_TRUE(catalog_->Insert(SampleDump(i)).ok());
  }
  static void TearDownTestSuite() {
    delete catalog_;
    delete directory_;
  }

  static inline TemporaryDirectory* directory_ = nullptr;
  static inline SqliteCatalog* catalog_ = nullptr;
};

std::set<std::string> MatchingIds(const Filter& filter) {
  std::set<std::string> ids;
  for (int i = 0; i < kDumps; ++i) {
    if (Matches(filter, SampleDump(i))) ids.insert(SampleId(i));
  }
  return ids;
}

TEST_P(FilterSql, AgreesWithMatches) {
  const auto filter = ParseFilter(GetParam());
  ASSERT_TRUE(filter.ok()) << filter.status();

  const auto page =
      catalog_->List({.filter = *filter, .order = {}, .after = std::nullopt, .max_dumps = kDumps});
  ASSERT_TRUE(page.ok()) << page.status();
  std::set<std::string> ids;
  for (const v1::Dump& dump : page->dumps) ids.insert(dump.manifest().dump_id());
  EXPECT_EQ(ids, MatchingIds(*filter)) << CompileFilter(*filter).sql;
}

INSTANTIATE_TEST_SUITE_P(
    Filters, FilterSql,
    testing::Values(
        "", "vm = \"vm-1\"", "vm != \"vm-1\"", "vm < \"vm-2\"", "vm >= \"vm-2\"", "vm : \"-3\"",
        "host = \"host-0\"", "host <= \"host-1\"", "host > \"host-1\"", "trigger = PANIC",
        "trigger != PANIC", "trigger = WATCHDOG", "state = PARTIAL", "state != PARTIAL",
        "kernel_release : \"-3-\"", "build_id = \"00c0ffee\"", "build_id = \"dead\"",
        "title : \"number 3\"", "title : \"NUMBER\"", "capture_time > \"2026-01-01T00:00:20Z\"",
        "capture_time = \"2026-01-01T00:00:20Z\"", "receive_time <= \"2026-01-01T00:16:20Z\"",
        "labels.team = \"storage\"", "labels.team != \"storage\"", "labels.team : \"work\"",
        "labels.canary = \"yes\"", "labels.canary != \"yes\"", "NOT labels.canary = \"yes\"",
        "labels:canary", "NOT labels:canary", "labels:absent", "vm = \"vm-1\" OR vm = \"vm-2\"",
        "vm = \"vm-1\" AND host = \"host-2\"", "NOT (vm = \"vm-1\" OR labels:canary)",
        "vm = \"vm-1\" OR vm = \"vm-2\" AND NOT host = \"host-0\"",
        "vm = \"vm-1\" AND vm = \"vm-2\""));

TEST(FilterSqlText, NeverHoldsTheFiltersText) {
  const auto filter = ParseFilter("vm = \"x'; DROP TABLE dumps\" AND labels.evil : \"'\"");
  ASSERT_TRUE(filter.ok()) << filter.status();
  const SqlCondition condition = CompileFilter(*filter);
  EXPECT_EQ(condition.sql.find('\''), std::string::npos) << condition.sql;
  EXPECT_EQ(condition.sql.find("evil"), std::string::npos) << condition.sql;
  EXPECT_EQ(condition.parameters.size(), 3u);
}

}  // namespace
}  // namespace marrow
