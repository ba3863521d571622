// SPDX-License-Identifier: Apache-2.0
// PURE: the lines of a QMP connection (QEMU's docs/interop/qmp-spec). QEMU is trusted more than its
// guest, yet a compromised one must not harm us: sizes and types are checked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace marrow {

struct QmpGreeting {};

struct QmpReturn {
  std::uint64_t id = 0;
  std::string value;  // JSON text
};

struct QmpError {
  std::uint64_t id = 0;
  std::string error_class;
  std::string description;
};

struct QmpEvent {
  std::string name;
  absl::Time time;
  // The scalar members of "data" as text: strings as they are, booleans "true" or "false".
  std::map<std::string, std::string, std::less<>> data;

  // "" where there is no such member.
  absl::string_view Data(absl::string_view key) const;
};

using QmpMessage = std::variant<QmpGreeting, QmpReturn, QmpError, QmpEvent>;

// One line without its line end. InvalidArgument for anything that is not one of the four.
absl::StatusOr<QmpMessage> ParseQmpMessage(absl::string_view line);

// {"execute": command, "arguments": ..., "id": id} and a line end. `arguments` is JSON text of an
// object.
std::string QmpCommand(std::uint64_t id, absl::string_view command, absl::string_view arguments);

// The arguments of human-monitor-command.
std::string HumanCommandArguments(absl::string_view command_line);

// A JSON string's content; InvalidArgument for any other JSON.
absl::StatusOr<std::string> JsonString(absl::string_view json);
// A member of a JSON object that is a string or boolean, as text as in QmpEvent::data.
absl::StatusOr<std::string> JsonMember(absl::string_view json, absl::string_view key);

}  // namespace marrow
