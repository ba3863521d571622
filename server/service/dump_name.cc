// SPDX-License-Identifier: Apache-2.0
#include "server/service/dump_name.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/errors/error_info.h"
#include "vmm_backend/base/ulid.h"

namespace marrow {

absl::StatusOr<std::string> ParseDumpName(absl::string_view name) {
  absl::string_view id = name;
  if (!absl::ConsumePrefix(&id, "dumps/") || !IsUlid(id)) {
    return WithReason(absl::InvalidArgumentError(
                          "name must be \"dumps/\" and a dump id of 26 lower-case characters"),
                      "NAME_INVALID");
  }
  return std::string(id);
}

absl::Status CoreDamaged(absl::Status status) {
  // A row whose blob is gone is as bad as a damaged blob, and not the absence of a dump.
  if (!ReasonOf(status).empty()) return status;
  if (absl::IsNotFound(status) || absl::IsDataLoss(status)) {
    return WithReason(
        absl::DataLossError(absl::StrCat("the stored core is damaged: ", status.message())),
        "CORE_DAMAGED");
  }
  return status;
}

}  // namespace marrow
