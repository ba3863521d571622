// SPDX-License-Identifier: Apache-2.0
// Page tokens: a PageKey in a form that clients pass back untouched. A token names the filter and
// the order it was made for, and carries a checksum against mistakes; it is no secret and grants
// nothing.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/catalog/catalog.h"
#include "server/query/filter.h"

namespace marrow {

// URL-safe text.
std::string EncodePageToken(const PageKey& key, const Filter& filter, const OrderBy& order);

// InvalidArgument, reason PAGE_TOKEN_INVALID, for anything that EncodePageToken did not make, and
// PAGE_TOKEN_MISMATCH for a token of another filter or order.
absl::StatusOr<PageKey> DecodePageToken(absl::string_view token, const Filter& filter,
                                        const OrderBy& order);

}  // namespace marrow
