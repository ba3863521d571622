// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "marrow/v1/dump.pb.h"

namespace marrow {

// Whether a stranger's manifest may become a dump: what the catalog indexes must be there, all
// texts must be of sane length and free of control characters, all lists of sane length.
// InvalidArgument, reason MANIFEST_INVALID, names the first field that is not and what it must be.
absl::Status CheckManifest(const v1::Manifest& manifest);

}  // namespace marrow
