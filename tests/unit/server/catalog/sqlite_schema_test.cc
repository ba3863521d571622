// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/sqlite_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "server/catalog/sqlite_catalog.h"
#include "server/catalog/sqlite_statement.h"
#include "tests/fakes/temporary_directory.h"

namespace marrow {
namespace {

using testing::HasSubstr;

SqliteHandle OpenDatabase(const std::string& path) {
  sqlite3* raw = nullptr;
  EXPECT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  return SqliteHandle(raw);
}

std::int64_t Query(sqlite3* db, const char* sql) {
  auto statement = Statement::Prepare(db, sql);
  EXPECT_TRUE(statement.ok()) << statement.status();
  EXPECT_TRUE(statement->Step().value_or(false)) << sql;
  return statement->Integer(0);
}

TEST(SqliteSchema, IsAtTheLastStepWhenNew) {
  const SqliteHandle db = OpenDatabase(":memory:");
  ASSERT_TRUE(Migrate(db.get()).ok());
  EXPECT_EQ(Query(db.get(), "PRAGMA user_version"),
            static_cast<std::int64_t>(CatalogMigrations().size()));
}

TEST(SqliteSchema, LeavesACurrentDatabaseAlone) {
  const SqliteHandle db = OpenDatabase(":memory:");
  ASSERT_TRUE(Migrate(db.get()).ok());
  EXPECT_TRUE(Migrate(db.get()).ok());
}

TEST(SqliteSchema, AppliesOnlyTheStepsThatAreNew) {
  const SqliteHandle db = OpenDatabase(":memory:");
  std::vector<std::string> steps = {"CREATE TABLE t (a); INSERT INTO t VALUES (1)"};
  ASSERT_TRUE(Migrate(db.get(), steps).ok());
  steps.push_back("ALTER TABLE t ADD COLUMN b DEFAULT 2");
  ASSERT_TRUE(Migrate(db.get(), steps).ok());
  EXPECT_EQ(Query(db.get(), "SELECT count(*) FROM t WHERE a = 1 AND b = 2"), 1);
}

TEST(SqliteSchema, AppliesAStepWhollyOrNotAtAll) {
  const SqliteHandle db = OpenDatabase(":memory:");
  EXPECT_FALSE(Migrate(db.get(), {"CREATE TABLE t (a); NO SUCH STATEMENT"}).ok());
  EXPECT_EQ(Query(db.get(), "SELECT count(*) FROM sqlite_schema"), 0);
  EXPECT_EQ(Query(db.get(), "PRAGMA user_version"), 0);
}

TEST(SqliteSchema, RefusesANewerDatabase) {
  const SqliteHandle db = OpenDatabase(":memory:");
  ASSERT_TRUE(Migrate(db.get(), {"CREATE TABLE t (a)", "CREATE TABLE u (a)"}).ok());
  const absl::Status status = Migrate(db.get(), {"CREATE TABLE t (a)"});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("newer"));
}

TEST(SqliteSchema, RefusesTheDatabaseOfAnotherProgram) {
  const SqliteHandle db = OpenDatabase(":memory:");
  ASSERT_TRUE(Execute(db.get(), "PRAGMA user_version = 1").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Migrate(db.get())));
}

TEST(SqliteSchema, RefusesAFileThatIsNoDatabase) {
  const TemporaryDirectory directory;
  const std::string path = directory.Path("catalog.db");
  FILE* file = fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs("this is not a database, whatever its name says", file);
  fclose(file);
  EXPECT_FALSE(SqliteCatalog::Open(path).ok());
}

TEST(SqliteSchema, MakesTheCatalogSurvivePowerCuts) {
  const TemporaryDirectory directory;
  ASSERT_TRUE(SqliteCatalog::Open(directory.Path("catalog.db")).ok());
  const SqliteHandle db = OpenDatabase(directory.Path("catalog.db"));
  auto mode = Statement::Prepare(db.get(), "PRAGMA journal_mode");
  ASSERT_TRUE(mode.ok() && mode->Step().value_or(false));
  EXPECT_EQ(mode->Text(0), "wal");
}

}  // namespace
}  // namespace marrow
