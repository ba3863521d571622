// SPDX-License-Identifier: Apache-2.0
// What generic gRPC tools ask of any server. Their messages are small enough to write as bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/server/service/raw_call.h"
#include "tests/unit/server/service/running_store.h"

namespace marrow {
namespace {

using testing::HasSubstr;

std::string Ask(RunningStore& store, const char* method, const std::string& request) {
  grpc::ClientContext context;
  const auto stream = RawCall(store.channel(), method, context);
  stream->Write(RawMessage(request));
  stream->WritesDone();
  grpc::ByteBuffer answer;
  const bool answered = stream->Read(&answer);
  const grpc::Status status = stream->Finish();
  return answered && status.ok() ? TextOf(answer) : status.error_message();
}

TEST(Health, IsServing) {
  RunningStore store;
  for (const std::string service : {"", "marrow.v1.Dumps", "marrow.v1.Ingest"}) {
    // HealthCheckRequest.service is field 1; HealthCheckResponse.status SERVING is field 1, 1.
    const std::string request = std::string("\x0a") + static_cast<char>(service.size()) + service;
    EXPECT_EQ(Ask(store, "/grpc.health.v1.Health/Check", request), "\x08\x01") << service;
  }
}

TEST(Reflection, ListsTheServices) {
  RunningStore store;
  // ServerReflectionRequest.list_services is field 7.
  const std::string answer =
      Ask(store, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
          std::string("\x3a\x00", 2));
  EXPECT_THAT(answer, HasSubstr("marrow.v1.Dumps"));
  EXPECT_THAT(answer, HasSubstr("marrow.v1.Ingest"));
}

}  // namespace
}  // namespace marrow
