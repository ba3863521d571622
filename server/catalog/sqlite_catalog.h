// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/catalog/catalog.h"
#include "server/catalog/sqlite_statement.h"

namespace marrow {

// The catalog in one SQLite database in WAL mode. One connection writes; readers have connections
// of their own and are not held up by it.
class SqliteCatalog final : public Catalog {
 public:
  // Creates the database if need be, mode as the process's umask says, and migrates it.
  // FailedPrecondition if a newer program wrote it.
  static absl::StatusOr<std::unique_ptr<SqliteCatalog>> Open(const std::string& path);

  absl::Status Insert(const v1::Dump& dump) override;
  absl::StatusOr<v1::Dump> Get(absl::string_view dump_id) override;
  absl::Status Delete(absl::string_view dump_id) override;
  absl::StatusOr<DumpPage> List(const ListQuery& query) override;
  absl::StatusOr<std::uint64_t> CountBlobReferences(const Sha256Digest& digest) override;

 private:
  class Reader;

  SqliteCatalog(std::string path, SqliteHandle writer)
      : path_(std::move(path)), writer_(std::move(writer)) {}

  const std::string path_;
  std::mutex writer_mutex_;
  SqliteHandle writer_;
  std::mutex readers_mutex_;
  std::vector<SqliteHandle> idle_readers_;
};

}  // namespace marrow
