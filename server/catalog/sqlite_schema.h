// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

struct sqlite3;

namespace marrow {

// Step i takes a database from schema version i to i + 1. Steps are never changed, only added.
const std::vector<std::string>& CatalogMigrations();

// Brings the database to the version that `migrations` lead to, each step in a transaction of its
// own. FailedPrecondition if it is of a later version, or belongs to another program.
absl::Status Migrate(sqlite3* db, const std::vector<std::string>& migrations = CatalogMigrations());

}  // namespace marrow
