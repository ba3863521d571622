// SPDX-License-Identifier: Apache-2.0
// What the store knows about its dumps. A dump exists if, and only if, the catalog has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "marrow/v1/dump.pb.h"
#include "server/query/filter.h"
#include "vmm_backend/base/sha256.h"

namespace marrow {

// A place in an ordering: the ordered value (times in nanoseconds since 1970) and, as the order
// among equals, the dump's id.
struct PageKey {
  std::variant<std::int64_t, std::string> value;
  std::string dump_id;
};

struct ListQuery {
  Filter filter;
  OrderBy order;
  std::optional<PageKey> after;       // the page begins behind this place
  std::size_t max_dumps = 50;         // at least 1
  std::size_t max_bytes = 3'500'000;  // of encoded dumps; the first one always fits
};

struct DumpPage {
  std::vector<v1::Dump> dumps;
  std::optional<PageKey> next;  // the place of the last dump, if there are more
};

// Thread-safe. Errors of the medium are Internal or ResourceExhausted (full).
class Catalog {
 public:
  virtual ~Catalog() = default;

  // Durable when it returns. AlreadyExists if there is a dump of that id. `dump.name` must be
  // "dumps/" + manifest.dump_id, and core_sha256 32 bytes.
  virtual absl::Status Insert(const v1::Dump& dump) = 0;

  // NotFound, reason DUMP_NOT_FOUND, if there is none.
  virtual absl::StatusOr<v1::Dump> Get(absl::string_view dump_id) = 0;

  // Durable when it returns. NotFound as above.
  virtual absl::Status Delete(absl::string_view dump_id) = 0;

  // Pages follow each other without gaps or repetitions, whatever is inserted or deleted meanwhile.
  virtual absl::StatusOr<DumpPage> List(const ListQuery& query) = 0;

  // How many dumps have the blob as their core.
  virtual absl::StatusOr<std::uint64_t> CountBlobReferences(const Sha256Digest& digest) = 0;
};

// "dumps/<id>" of an id.
std::string DumpName(absl::string_view dump_id);

absl::Status DumpNotFound(absl::string_view dump_id);

// The value by which `order` sorts `dump`.
PageKey KeyOf(const v1::Dump& dump, OrderField field);

}  // namespace marrow
