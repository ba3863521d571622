// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/sqlite_schema.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/catalog/sqlite_statement.h"

namespace marrow {
namespace {

// "MRRW": `file` and SQLite itself tell the catalog from other databases by it.
constexpr std::int64_t kApplicationId = 0x4d525257;

// The indices end in the dump's id because pages are ordered by (column, id).
constexpr char kVersion1[] = R"sql(
CREATE TABLE dumps (
  number          INTEGER PRIMARY KEY,
  id              TEXT    NOT NULL UNIQUE,
  vm              TEXT    NOT NULL,
  host            TEXT    NOT NULL,
  trigger         INTEGER NOT NULL,
  kernel_release  TEXT    NOT NULL,
  build_id        TEXT    NOT NULL,
  state           INTEGER NOT NULL,
  title           TEXT    NOT NULL,
  capture_ns      INTEGER NOT NULL,
  receive_ns      INTEGER NOT NULL,
  core_bytes      INTEGER NOT NULL,
  stored_bytes    INTEGER NOT NULL,
  core_sha256     BLOB    NOT NULL,
  manifest        BLOB    NOT NULL
);
CREATE TABLE labels (
  dump   INTEGER NOT NULL REFERENCES dumps (number) ON DELETE CASCADE,
  key    TEXT    NOT NULL,
  value  TEXT    NOT NULL,
  PRIMARY KEY (dump, key)
) WITHOUT ROWID;
CREATE INDEX dumps_by_capture ON dumps (capture_ns, id);
CREATE INDEX dumps_by_receive ON dumps (receive_ns, id);
CREATE INDEX dumps_by_core_bytes ON dumps (core_bytes, id);
CREATE INDEX dumps_by_vm ON dumps (vm, id);
CREATE INDEX dumps_of_vm ON dumps (vm, capture_ns, id);
CREATE INDEX dumps_by_host ON dumps (host, id);
CREATE INDEX dumps_of_host ON dumps (host, capture_ns, id);
CREATE INDEX dumps_by_core ON dumps (core_sha256);
CREATE INDEX labels_by_value ON labels (key, value, dump);
)sql";

absl::StatusOr<std::int64_t> Pragma(sqlite3* db, absl::string_view name) {
  auto statement = Statement::Prepare(db, absl::StrCat("PRAGMA ", name));
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->Step();
  if (!row.ok()) return row.status();
  return statement->Integer(0);
}

absl::Status ApplyStep(sqlite3* db, const std::string& sql, std::size_t version) {
  auto transaction = Transaction::Begin(db);
  if (!transaction.ok()) return transaction.status();
  for (const std::string& part : {sql, absl::StrCat("PRAGMA application_id = ", kApplicationId),
                                  absl::StrCat("PRAGMA user_version = ", version)}) {
    if (absl::Status s = Execute(db, part); !s.ok()) return s;
  }
  return transaction->Commit();
}

}  // namespace

const std::vector<std::string>& CatalogMigrations() {
  static const auto& migrations = *new std::vector<std::string>{kVersion1};
  return migrations;
}

absl::Status Migrate(sqlite3* db, const std::vector<std::string>& migrations) {
  const absl::StatusOr<std::int64_t> application = Pragma(db, "application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<std::int64_t> version = Pragma(db, "user_version");
  if (!version.ok()) return version.status();
  const bool is_new = *application == 0 && *version == 0;
  if (!is_new && *application != kApplicationId) {
    return absl::FailedPreconditionError("catalog: the database belongs to another program");
  }
  const auto known = static_cast<std::int64_t>(migrations.size());
  if (*version < 0 || *version > known) {
    return absl::FailedPreconditionError(
        absl::StrCat("catalog: schema version ", *version, " is newer than this program's ", known,
                     "; start the marrow-store that wrote it, or a later one"));
  }
  for (auto step = static_cast<std::size_t>(*version); step < migrations.size(); ++step) {
    if (absl::Status s = ApplyStep(db, migrations[step], step + 1); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace marrow
