// SPDX-License-Identifier: Apache-2.0
// The scalars of marrowd's configuration as people write them, in the config file and in flags
// alike. Pure. Errors are InvalidArgument, quote the text and say what is expected instead.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "marrow/abi.h"
#include "vmm_backend/capture/paused_vm.h"

namespace marrow {

// "64KiB", "1GiB", "4096": an integer with B, KiB, MiB, GiB, TiB or no unit, in bytes.
absl::StatusOr<std::uint64_t> ParseByteSize(absl::string_view text);
// "1500ms", "5s", "1m30s": finite and more than zero.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);
absl::StatusOr<std::uint64_t> ParseCount(absl::string_view text);       // 1 to 2^32 - 1
absl::StatusOr<bool> ParseBool(absl::string_view text);                 // true, false
absl::StatusOr<std::string> ParseName(absl::string_view text);          // [A-Za-z0-9._-]{1,64}
absl::StatusOr<std::string> ParseText(absl::string_view text);          // not empty
absl::StatusOr<std::string> ParsePath(absl::string_view text);          // absolute
absl::StatusOr<std::string> ParseSocketPath(absl::string_view text);    // absolute, fits sun_path
absl::StatusOr<std::string> ParseLogLevel(absl::string_view text);      // as spdlog names them
absl::StatusOr<std::uint64_t> ParseWindowSize(absl::string_view text);  // as the window ABI demands
absl::StatusOr<AfterCapture> ParseAfterCapture(absl::string_view text);
absl::StatusOr<marrow_region_class> ParseRegionClass(absl::string_view text);

}  // namespace marrow
