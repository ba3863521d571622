// SPDX-License-Identifier: Apache-2.0
#include "server/catalog/sqlite_catalog.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/catalog/filter_sql.h"
#include "server/catalog/sqlite_schema.h"

namespace marrow {
namespace {

constexpr char kDumpColumns[] =
    "SELECT id, state, receive_ns, core_bytes, stored_bytes, core_sha256, title, manifest "
    "FROM dumps ";

const char* OrderColumn(OrderField field) {
  switch (field) {
    case OrderField::kCaptureTime:
      return "capture_ns";
    case OrderField::kReceiveTime:
      return "receive_ns";
    case OrderField::kVm:
      return "vm";
    case OrderField::kHost:
      return "host";
    case OrderField::kCoreBytes:
      return "core_bytes";
  }
  return "capture_ns";
}

absl::StatusOr<SqliteHandle> Connect(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, /*zVfs=*/nullptr);
  SqliteHandle db(raw);
  if (raw == nullptr) return absl::ResourceExhaustedError("catalog: out of memory");
  if (result != SQLITE_OK) return SqliteError(raw, absl::StrCat("open ", path));
  sqlite3_busy_timeout(raw, /*ms=*/5000);
  if (absl::Status s = Execute(raw, "PRAGMA foreign_keys = ON"); !s.ok()) return s;
  return db;
}

absl::StatusOr<v1::Dump> DumpOf(const Statement& row) {
  v1::Dump dump;
  dump.set_name(DumpName(row.Text(0)));
  dump.set_state(static_cast<v1::DumpState>(row.Integer(1)));
  const std::int64_t receive_ns = row.Integer(2);
  dump.mutable_receive_time()->set_seconds(receive_ns / 1'000'000'000);
  dump.mutable_receive_time()->set_nanos(static_cast<std::int32_t>(receive_ns % 1'000'000'000));
  dump.set_core_bytes(static_cast<std::uint64_t>(row.Integer(3)));
  dump.set_stored_bytes(static_cast<std::uint64_t>(row.Integer(4)));
  dump.set_core_sha256(row.Text(5));
  dump.set_title(row.Text(6));
  const Bytes manifest = row.Blob(7);
  if (!dump.mutable_manifest()->ParseFromArray(manifest.data(),
                                               static_cast<int>(manifest.size()))) {
    return absl::InternalError(
        absl::StrCat("catalog: the manifest of ", dump.name(), " is damaged"));
  }
  return dump;
}

absl::Status InsertDump(sqlite3* db, const v1::Dump& dump) {
  const v1::Manifest& manifest = dump.manifest();
  auto insert = Statement::Prepare(
      db,
      "INSERT INTO dumps (id, vm, host, trigger, kernel_release, build_id, state, title, "
      "capture_ns, receive_ns, core_bytes, stored_bytes, core_sha256, manifest) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->Bind(absl::string_view(manifest.dump_id()))
      .Bind(absl::string_view(manifest.vm().name()))
      .Bind(absl::string_view(manifest.host().name()))
      .Bind(std::int64_t{manifest.trigger()})
      .Bind(absl::string_view(manifest.kernel().release()))
      .Bind(absl::string_view(manifest.kernel().build_id()))
      .Bind(std::int64_t{dump.state()})
      .Bind(absl::string_view(dump.title()))
      .Bind(KeyOf(dump, OrderField::kCaptureTime).value)
      .Bind(KeyOf(dump, OrderField::kReceiveTime).value)
      .Bind(static_cast<std::int64_t>(dump.core_bytes()))
      .Bind(static_cast<std::int64_t>(dump.stored_bytes()))
      .Bind(AsBytes(dump.core_sha256()))
      .Bind(AsBytes(manifest.SerializeAsString()))
      .Run();
}

absl::Status InsertLabels(sqlite3* db, const v1::Dump& dump) {
  const std::int64_t number = sqlite3_last_insert_rowid(db);
  for (const auto& [key, value] : dump.manifest().vm().labels()) {
    auto insert = Statement::Prepare(db, "INSERT INTO labels (dump, key, value) VALUES (?, ?, ?)");
    if (!insert.ok()) return insert.status();
    absl::Status status =
        insert->Bind(number).Bind(absl::string_view(key)).Bind(absl::string_view(value)).Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<Statement> PrepareList(sqlite3* db, const ListQuery& query) {
  const char* column = OrderColumn(query.order.field);
  const bool ascending = query.order.direction == OrderDirection::kAscending;
  const char* direction = ascending ? "ASC" : "DESC";
  SqlCondition condition = CompileFilter(query.filter);
  if (query.after) {
    absl::StrAppend(&condition.sql, " AND (", column, ", id) ", ascending ? ">" : "<", " (?, ?)");
    condition.parameters.push_back(query.after->value);
    condition.parameters.emplace_back(query.after->dump_id);
  }
  auto statement =
      Statement::Prepare(db, absl::StrCat(kDumpColumns, "WHERE ", condition.sql, " ORDER BY ",
                                          column, " ", direction, ", id ", direction));
  if (!statement.ok()) return statement;
  for (const SqlValue& parameter : condition.parameters) statement->Bind(parameter);
  return statement;
}

}  // namespace

// A connection for reading, borrowed from the catalog's idle ones.
class SqliteCatalog::Reader {
 public:
  static absl::StatusOr<Reader> Borrow(SqliteCatalog& catalog) {
    {
      const std::lock_guard lock(catalog.readers_mutex_);
      if (!catalog.idle_readers_.empty()) {
        SqliteHandle db = std::move(catalog.idle_readers_.back());
        catalog.idle_readers_.pop_back();
        return Reader(catalog, std::move(db));
      }
    }
    auto db = Connect(catalog.path_, SQLITE_OPEN_READONLY);
    if (!db.ok()) return db.status();
    return Reader(catalog, *std::move(db));
  }

  Reader(Reader&&) = default;
  Reader& operator=(Reader&&) = delete;
  ~Reader() {
    if (!db_) return;
    const std::lock_guard lock(catalog_.readers_mutex_);
    catalog_.idle_readers_.push_back(std::move(db_));
  }

  sqlite3* get() const { return db_.get(); }

 private:
  Reader(SqliteCatalog& catalog, SqliteHandle db) : catalog_(catalog), db_(std::move(db)) {}

  SqliteCatalog& catalog_;
  SqliteHandle db_;
};

absl::StatusOr<std::unique_ptr<SqliteCatalog>> SqliteCatalog::Open(const std::string& path) {
  auto db = Connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!db.ok()) return db.status();
  for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}) {
    if (absl::Status s = Execute(db->get(), pragma); !s.ok()) return s;
  }
  if (absl::Status s = Migrate(db->get()); !s.ok()) return s;
  return std::unique_ptr<SqliteCatalog>(new SqliteCatalog(path, *std::move(db)));
}

absl::Status SqliteCatalog::Insert(const v1::Dump& dump) {
  const std::lock_guard lock(writer_mutex_);
  auto transaction = Transaction::Begin(writer_.get());
  if (!transaction.ok()) return transaction.status();
  if (absl::Status s = InsertDump(writer_.get(), dump); !s.ok()) return s;
  if (absl::Status s = InsertLabels(writer_.get(), dump); !s.ok()) return s;
  return transaction->Commit();
}

absl::StatusOr<v1::Dump> SqliteCatalog::Get(absl::string_view dump_id) {
  auto reader = Reader::Borrow(*this);
  if (!reader.ok()) return reader.status();
  auto select = Statement::Prepare(reader->get(), absl::StrCat(kDumpColumns, "WHERE id = ?"));
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> row = select->Bind(dump_id).Step();
  if (!row.ok()) return row.status();
  if (!*row) return DumpNotFound(dump_id);
  return DumpOf(*select);
}

absl::Status SqliteCatalog::Delete(absl::string_view dump_id) {
  const std::lock_guard lock(writer_mutex_);
  auto remove = Statement::Prepare(writer_.get(), "DELETE FROM dumps WHERE id = ?");
  if (!remove.ok()) return remove.status();
  if (absl::Status s = remove->Bind(dump_id).Run(); !s.ok()) return s;
  return sqlite3_changes(writer_.get()) == 0 ? DumpNotFound(dump_id) : absl::OkStatus();
}

absl::StatusOr<DumpPage> SqliteCatalog::List(const ListQuery& query) {
  auto reader = Reader::Borrow(*this);
  if (!reader.ok()) return reader.status();
  auto select = PrepareList(reader->get(), query);
  if (!select.ok()) return select.status();
  DumpPage page;
  std::size_t bytes = 0;
  while (true) {
    const absl::StatusOr<bool> row = select->Step();
    if (!row.ok()) return row.status();
    if (!*row) return page;
    absl::StatusOr<v1::Dump> dump = DumpOf(*select);
    if (!dump.ok()) return dump.status();
    bytes += dump->ByteSizeLong();
    const bool full = page.dumps.size() == query.max_dumps || bytes > query.max_bytes;
    if (full && !page.dumps.empty()) {
      page.next = KeyOf(page.dumps.back(), query.order.field);
      return page;
    }
    page.dumps.push_back(*std::move(dump));
  }
}

absl::StatusOr<std::uint64_t> SqliteCatalog::CountBlobReferences(const Sha256Digest& digest) {
  auto reader = Reader::Borrow(*this);
  if (!reader.ok()) return reader.status();
  auto count =
      Statement::Prepare(reader->get(), "SELECT count(*) FROM dumps WHERE core_sha256 = ?");
  if (!count.ok()) return count.status();
  if (const auto row = count->Bind(Bytes(digest)).Step(); !row.ok()) return row.status();
  return static_cast<std::uint64_t>(count->Integer(0));
}

}  // namespace marrow
