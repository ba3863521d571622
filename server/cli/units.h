// SPDX-License-Identifier: Apache-2.0
// Numbers and enums of the protocol as people read them.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace marrow::cli {

// "0 B", "1023 B", "1.0 KiB", "12.3 MiB": three or four digits, powers of 1024.
std::string HumanBytes(std::uint64_t bytes);

// UTC, to the second: "2026-11-23 20:25:20". Empty for a time that is not set.
std::string HumanTime(const google::protobuf::Timestamp& time);

// In milliseconds: "1.250 ms".
std::string HumanMilliseconds(const google::protobuf::Duration& duration);

// "0xffffffff81000000".
std::string HumanAddress(std::uint64_t address);

// "heartbeat-lost" for the enum value name TRIGGER_HEARTBEAT_LOST and the prefix "TRIGGER_"; "" for
// UNSPECIFIED and for names without the prefix.
std::string HumanEnum(absl::string_view value_name, absl::string_view prefix);

}  // namespace marrow::cli
