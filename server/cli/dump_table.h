// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "marrow/v1/dump.pb.h"
#include "server/cli/table.h"

namespace marrow::cli {

// The columns of `marrow dumps list`, and a dump as a row of them.
Table MakeDumpTable();
void AddDump(Table& table, const v1::Dump& dump);

// All that a manifest says but its regions, for `marrow dumps show`.
std::string DescribeDump(const v1::Dump& dump);

Table MakeRegionTable(const v1::Manifest& manifest);

}  // namespace marrow::cli
