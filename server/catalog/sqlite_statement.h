// SPDX-License-Identifier: Apache-2.0
// SQLite's handles as RAII types and its errors as statuses. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vmm_backend/base/bytes.h"

struct sqlite3;
struct sqlite3_stmt;

namespace marrow {

struct CloseSqlite {
  void operator()(sqlite3* db) const;
};
using SqliteHandle = std::unique_ptr<sqlite3, CloseSqlite>;

// The last error of `db`: ResourceExhausted when the disk is full, AlreadyExists when a row breaks
// a uniqueness rule, Unavailable when another process holds the database, else Internal.
absl::Status SqliteError(sqlite3* db, absl::string_view what);

// Runs statements that take no parameters and give no rows.
absl::Status Execute(sqlite3* db, const std::string& sql);

using SqlValue = std::variant<std::int64_t, std::string>;

// A prepared statement, bound and stepped once.
class Statement {
 public:
  static absl::StatusOr<Statement> Prepare(sqlite3* db, absl::string_view sql);

  // Parameters are bound in the order of their question marks. A failure to bind shows in Step.
  Statement& Bind(std::int64_t value);
  Statement& Bind(absl::string_view text);
  Statement& Bind(Bytes blob);
  Statement& Bind(const SqlValue& value);

  // True: there is a row. False: the statement is done.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();

  std::int64_t Integer(int column) const;
  std::string Text(int column) const;
  // Valid until the next Step.
  Bytes Blob(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  Statement& Bound(int result);

  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int parameters_ = 0;
  bool bind_failed_ = false;
};

// Rolls back unless committed.
class Transaction {
 public:
  // Takes SQLite's write lock at once.
  static absl::StatusOr<Transaction> Begin(sqlite3* db);
  Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  absl::Status Commit();

 private:
  explicit Transaction(sqlite3* db) : db_(db) {}
  sqlite3* db_;
};

}  // namespace marrow
