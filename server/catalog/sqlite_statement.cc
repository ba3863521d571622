// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/sqlite_statement.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"

namespace marrow {

void CloseSqlite::operator()(sqlite3* db) const { sqlite3_close_v2(db); }

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

absl::Status SqliteError(sqlite3* db, absl::string_view what) {
  const int code = sqlite3_extended_errcode(db);
  const std::string text = absl::StrCat("catalog: ", what, ": ", sqlite3_errmsg(db));
  if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE) {
    return absl::AlreadyExistsError(text);
  }
  switch (code & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::Status Execute(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return SqliteError(db, sql);
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement> Statement::Prepare(sqlite3* db, absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK) {
    return SqliteError(db, sql);
  }
  return Statement(db, statement);
}

Statement& Statement::Bound(int result) {
  bind_failed_ |= result != SQLITE_OK;
  return *this;
}

Statement& Statement::Bind(std::int64_t value) {
  return Bound(sqlite3_bind_int64(statement_.get(), ++parameters_, value));
}

Statement& Statement::Bind(absl::string_view text) {
  return Bound(sqlite3_bind_text64(statement_.get(), ++parameters_, text.data(), text.size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8));
}

Statement& Statement::Bind(Bytes blob) {
  return Bound(sqlite3_bind_blob64(statement_.get(), ++parameters_, blob.data(), blob.size(),
                                   SQLITE_TRANSIENT));
}

Statement& Statement::Bind(const SqlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return Bind(absl::string_view(*text));
  return Bind(std::get<std::int64_t>(value));
}

absl::StatusOr<bool> Statement::Step() {
  if (bind_failed_) return SqliteError(db_, "bind");
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return SqliteError(db_, sqlite3_sql(statement_.get()));
  }
}

absl::Status Statement::Run() { return Step().status(); }

std::int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Text(int column) const { return std::string(AsText(Blob(column))); }

Bytes Statement::Blob(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  return {static_cast<const std::byte*>(data),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

absl::StatusOr<Transaction> Transaction::Begin(sqlite3* db) {
  if (absl::Status s = Execute(db, "BEGIN IMMEDIATE"); !s.ok()) return s;
  return Transaction(db);
}

Transaction::~Transaction() {
  // Fails only where SQLite has rolled back by itself.
  if (db_ != nullptr) (void)Execute(db_, "ROLLBACK");
}

absl::Status Transaction::Commit() {
  if (absl::Status s = Execute(db_, "COMMIT"); !s.ok()) return s;
  db_ = nullptr;
  return absl::OkStatus();
}

}  // namespace marrow
