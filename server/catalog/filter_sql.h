// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "server/catalog/sqlite_statement.h"
#include "server/query/filter.h"

namespace marrow {

// An SQL condition on a row of `dumps`, and what to bind to its question marks, in order.
struct SqlCondition {
  std::string sql;
  std::vector<SqlValue> parameters;
};

// Selects what Matches() accepts. No text of the filter becomes SQL.
SqlCondition CompileFilter(const Filter& filter);

}  // namespace marrow
