// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/qemu/qmp_message.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

TEST(QmpMessage, TellsTheFourKindsApart) {
  EXPECT_TRUE(std::holds_alternative<QmpGreeting>(
      *ParseQmpMessage(R"({"QMP": {"version": {}, "capabilities": ["oob"]}})")));
  const auto result = ParseQmpMessage(R"({"return": {"running": true}, "id": 3})");
  EXPECT_EQ(std::get<QmpReturn>(*result).id, 3u);
  EXPECT_EQ(std::get<QmpReturn>(*result).value, R"({"running":true})");
  const auto error =
      ParseQmpMessage(R"({"error": {"class": "GenericError", "desc": "no"}, "id": 4})");
  EXPECT_EQ(std::get<QmpError>(*error).description, "no");
  const auto event =
      ParseQmpMessage(R"({"event": "RESET", "timestamp": {"seconds": 5, "microseconds": 7},)"
                      R"( "data": {"guest": true, "reason": "guest-reset", "nested": {"x": 1}}})");
  const auto& parsed = std::get<QmpEvent>(*event);
  EXPECT_EQ(parsed.name, "RESET");
  EXPECT_EQ(parsed.time, absl::FromUnixMicros(5'000'007));
  EXPECT_EQ(parsed.Data("guest"), "true");
  EXPECT_EQ(parsed.Data("reason"), "guest-reset");
  EXPECT_EQ(parsed.Data("nested"), "");
  EXPECT_EQ(parsed.Data("absent"), "");
}

TEST(QmpMessage, RefusesEverythingElse) {
  for (const char* line : {"", "x", "[]", "1", "{}", R"({"event": 5})", R"({"event": ""})",
                           "{\"return\"", "\xff\xfe"}) {
    EXPECT_EQ(ParseQmpMessage(line).status().code(), absl::StatusCode::kInvalidArgument) << line;
  }
}

TEST(QmpMessage, ToleratesMembersOfOtherTypes) {
  EXPECT_EQ(std::get<QmpReturn>(*ParseQmpMessage(R"({"return": 1, "id": "x"})")).id, 0u);
  EXPECT_EQ(std::get<QmpError>(*ParseQmpMessage(R"({"error": 7, "id": -1})")).description, "");
  EXPECT_EQ(
      std::get<QmpEvent>(*ParseQmpMessage(R"({"event": "E", "timestamp": 1, "data": []})")).time,
      absl::UnixEpoch());
  EXPECT_TRUE(
      ParseQmpMessage(R"({"event": "E", "timestamp": {"seconds": 18446744073709551615}})").ok());
}

TEST(QmpMessage, RefusesDeepNesting) {
  const auto nested = [](std::size_t levels) {
    return "{\"return\": " + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_TRUE(ParseQmpMessage(nested(63)).ok());
  EXPECT_FALSE(ParseQmpMessage(nested(64)).ok());
  EXPECT_FALSE(ParseQmpMessage(nested(100'000)).ok());
  EXPECT_TRUE(ParseQmpMessage("{\"return\": \"" + std::string(100, '[') + "\\\"\"}").ok());
}

TEST(QmpCommand, WritesOneLine) {
  EXPECT_EQ(QmpCommand(1, "stop", ""), "{\"execute\":\"stop\",\"id\":1}\n");
  EXPECT_EQ(QmpCommand(2, "x", R"({"a": "b"})"),
            "{\"arguments\":{\"a\":\"b\"},\"execute\":\"x\",\"id\":2}\n");
  EXPECT_EQ(HumanCommandArguments("info \"x\""), R"({"command-line":"info \"x\""})");
}

TEST(JsonAccess, ReadsStringsAndMembers) {
  EXPECT_EQ(*JsonString(R"("a\r\nb")"), "a\r\nb");
  EXPECT_FALSE(JsonString("{}").ok());
  EXPECT_EQ(*JsonMember(R"({"status": "running"})", "status"), "running");
  EXPECT_EQ(*JsonMember(R"({"running": false})", "running"), "false");
  EXPECT_FALSE(JsonMember(R"({"status": {}})", "status").ok());
  EXPECT_FALSE(JsonMember("[]", "status").ok());
}

}  // namespace
}  // namespace marrow
