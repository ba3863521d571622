// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>

#include "vmm_backend/capture/capture.h"

namespace marrow {

// What a capture gave, for people: regions, roots, totals, and all that is missing.
void Explain(const CapturedDump& dump, std::ostream& out);

// Why no table could be derived, out of the manifest.
std::string WhyNoTable(const CapturedDump& dump);

}  // namespace marrow
