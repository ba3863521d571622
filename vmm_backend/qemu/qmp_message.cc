// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/qmp_message.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"

namespace marrow {
namespace {

using nlohmann::json;

// QEMU nests a handful of levels; the library's printer recurses once for each.
constexpr int kMostNesting = 64;

// True if brackets outside strings never stand deeper than kMostNesting.
bool IsShallow(absl::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (c == '\\' && in_string) ++i;
    if (in_string) continue;
    if ((c == '[' || c == '{') && ++depth > kMostNesting) return false;
    if (c == ']' || c == '}') --depth;
  }
  return true;
}

json Parse(absl::string_view text) {
  if (!IsShallow(text)) return json(json::value_t::discarded);
  return json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

absl::Status Invalid(absl::string_view why, absl::string_view line) {
  return absl::InvalidArgumentError(absl::StrCat("QMP: ", why, ": ", line.substr(0, 200)));
}

const json* Member(const json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::string StringMember(const json& object, const char* key) {
  const json* member = Member(object, key);
  return member != nullptr && member->is_string() ? member->get<std::string>() : "";
}

// Text of a string, boolean or integer; nothing for what is nested.
std::optional<std::string> ScalarText(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean() || value.is_number_integer()) return value.dump();
  return std::nullopt;
}

std::uint64_t Id(const json& message) {
  const json* id = Member(message, "id");
  return id != nullptr && id->is_number_unsigned() ? id->get<std::uint64_t>() : 0;
}

std::int64_t Integer(const json& object, const char* key) {
  const json* member = Member(object, key);
  if (member == nullptr || !member->is_number_integer()) return 0;
  if (member->is_number_unsigned() &&
      member->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
    return 0;
  }
  return member->get<std::int64_t>();
}

QmpEvent ParseEvent(const json& message) {
  QmpEvent event{.name = StringMember(message, "event"), .time = absl::UnixEpoch(), .data = {}};
  if (const json* timestamp = Member(message, "timestamp")) {
    event.time += absl::Seconds(Integer(*timestamp, "seconds")) +
                  absl::Microseconds(Integer(*timestamp, "microseconds"));
  }
  if (const json* data = Member(message, "data"); data != nullptr && data->is_object()) {
    for (const auto& [key, value] : data->items()) {
      if (auto text = ScalarText(value)) event.data.emplace(key, *std::move(text));
    }
  }
  return event;
}

}  // namespace

absl::string_view QmpEvent::Data(absl::string_view key) const {
  const auto found = data.find(std::string(key));
  return found == data.end() ? absl::string_view() : absl::string_view(found->second);
}

absl::StatusOr<QmpMessage> ParseQmpMessage(absl::string_view line) {
  const json message = Parse(line);
  if (message.is_discarded()) return Invalid("not JSON, or nested too deeply", line);
  if (!message.is_object()) return Invalid("not an object", line);
  if (Member(message, "QMP") != nullptr) return QmpGreeting{};
  if (const json* value = Member(message, "return")) {
    return QmpReturn{.id = Id(message),
                     .value = value->dump(-1, ' ', false, json::error_handler_t::replace)};
  }
  if (const json* error = Member(message, "error")) {
    return QmpError{.id = Id(message),
                    .error_class = StringMember(*error, "class"),
                    .description = StringMember(*error, "desc")};
  }
  if (!StringMember(message, "event").empty()) return ParseEvent(message);
  return Invalid("neither greeting, return, error nor event", line);
}

std::string QmpCommand(std::uint64_t id, absl::string_view command, absl::string_view arguments) {
  json message = {{"execute", std::string(command)}, {"id", id}};
  if (!arguments.empty()) message["arguments"] = Parse(arguments);
  return message.dump() + "\n";
}

std::string HumanCommandArguments(absl::string_view command_line) {
  return json{{"command-line", std::string(command_line)}}.dump();
}

absl::StatusOr<std::string> JsonString(absl::string_view text) {
  const json value = Parse(text);
  if (!value.is_string()) return Invalid("expected a string", text);
  return value.get<std::string>();
}

absl::StatusOr<std::string> JsonMember(absl::string_view text, absl::string_view key) {
  const json value = Parse(text);
  const json* member = Member(value, std::string(key).c_str());
  if (member != nullptr) {
    if (auto scalar = ScalarText(*member)) return *std::move(scalar);
  }
  return Invalid(absl::StrCat("no member \"", key, "\""), text);
}

}  // namespace marrow
