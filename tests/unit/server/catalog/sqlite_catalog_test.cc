// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/sqlite_catalog.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "server/errors/error_info.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"

namespace marrow {
namespace {

using google::protobuf::util::MessageDifferencer;

class SqliteCatalogTest : public testing::Test {
 protected:
  std::unique_ptr<SqliteCatalog> OpenCatalog() {
    auto catalog = SqliteCatalog::Open(directory_.Path("catalog.db"));
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    return *std::move(catalog);
  }

  TemporaryDirectory directory_;
};

TEST_F(SqliteCatalogTest, GivesBackTheWholeDump) {
  const auto catalog = OpenCatalog();
  v1::Dump dump = SampleDump(4);
  dump.mutable_manifest()->add_regions()->set_name("log_buf");
  dump.mutable_manifest()->add_missing()->set_why("hole");
  ASSERT_TRUE(catalog->Insert(dump).ok());
  const auto back = catalog->Get(SampleId(4));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*back, dump)) << back->DebugString();
}

TEST_F(SqliteCatalogTest, KeepsDumpsWhenClosed) {
  ASSERT_TRUE(OpenCatalog()->Insert(SampleDump(1)).ok());
  EXPECT_TRUE(OpenCatalog()->Get(SampleId(1)).ok());
}

TEST_F(SqliteCatalogTest, KeepsSizesAbove32Bits) {
  const auto catalog = OpenCatalog();
  v1::Dump dump = SampleDump(1);
  dump.set_core_bytes(std::uint64_t{1} << 40);
  ASSERT_TRUE(catalog->Insert(dump).ok());
  EXPECT_EQ(catalog->Get(SampleId(1))->core_bytes(), std::uint64_t{1} << 40);
}

TEST_F(SqliteCatalogTest, KnowsWhatIsNotThere) {
  const auto catalog = OpenCatalog();
  for (const absl::Status& status :
       {catalog->Get(SampleId(1)).status(), catalog->Delete(SampleId(1))}) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(ReasonOf(status), "DUMP_NOT_FOUND");
  }
}

TEST_F(SqliteCatalogTest, RefusesASecondDumpOfAnId) {
  const auto catalog = OpenCatalog();
  ASSERT_TRUE(catalog->Insert(SampleDump(1)).ok());
  v1::Dump other = SampleDump(1);
  other.set_title("other");
  EXPECT_TRUE(absl::IsAlreadyExists(catalog->Insert(other)));
  EXPECT_EQ(catalog->Get(SampleId(1))->title(), SampleDump(1).title());
}

TEST_F(SqliteCatalogTest, ForgetsDeletedDumpsAndTheirLabels) {
  const auto catalog = OpenCatalog();
  ASSERT_TRUE(catalog->Insert(SampleDump(4)).ok());
  ASSERT_TRUE(catalog->Delete(SampleId(4)).ok());
  EXPECT_TRUE(absl::IsNotFound(catalog->Get(SampleId(4)).status()));
  // The labels' key is (dump, key): with rows left behind this would fail.
  EXPECT_TRUE(catalog->Insert(SampleDump(4)).ok());
}

TEST_F(SqliteCatalogTest, CountsWhoRefersToABlob) {
  const auto catalog = OpenCatalog();
  const Sha256Digest shared = Sha256Of(AsBytes("core"));
  for (const int i : {1, 2, 3}) {
    v1::Dump dump = SampleDump(i);
    if (i != 3) dump.set_core_sha256(DigestText(shared));
    ASSERT_TRUE(catalog->Insert(dump).ok());
  }
  EXPECT_EQ(catalog->CountBlobReferences(shared).value(), 2u);
  ASSERT_TRUE(catalog->Delete(SampleId(1)).ok());
  EXPECT_EQ(catalog->CountBlobReferences(shared).value(), 1u);
  EXPECT_EQ(catalog->CountBlobReferences(Sha256Of(AsBytes("other"))).value(), 0u);
}

TEST_F(SqliteCatalogTest, TakesTextThatLooksLikeSql) {
  const auto catalog = OpenCatalog();
  v1::Dump dump = SampleDump(1);
  const std::string name = "'; DROP TABLE dumps; --";
  dump.mutable_manifest()->mutable_vm()->set_name(name);
  ASSERT_TRUE(catalog->Insert(dump).ok());
  ListQuery query;
  query.filter.kind = FilterKind::kComparison;
  query.filter.comparison = {
      .field = FilterField::kVm, .label = "", .op = FilterOp::kEqual, .value = name};
  const auto page = catalog->List(query);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->dumps.size(), 1u);
}

TEST_F(SqliteCatalogTest, ServesReadersWhileOneWrites) {
  const auto catalog = OpenCatalog();
  constexpr int kDumps = 50;
  std::thread writer([&] {
    for (int i = 0; i < kDumps; ++i) EXPECT_TRUE(catalog->Insert(SampleDump(i)).ok());
  });
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      std::size_t seen = 0;
      while (seen < kDumps) {
        const auto page = catalog->List({.filter = {}, .order = {}, .after = {}, .max_dumps = 100});
        ASSERT_TRUE(page.ok()) << page.status();
        EXPECT_GE(page->dumps.size(), seen);
        seen = page->dumps.size();
      }
    });
  }
  writer.join();
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace marrow
