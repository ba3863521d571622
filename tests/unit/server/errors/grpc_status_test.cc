// SPDX-License-Identifier: Apache-2.0
#include "server/errors/grpc_status.h"

#include <gtest/gtest.h>

#include "google/rpc/status.pb.h"
#include "server/errors/error_info.h"

namespace marrow {
namespace {

TEST(GrpcStatus, MapsOkToOk) {
  EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpc(grpc::Status::OK).ok());
}

TEST(GrpcStatus, RoundTripsDetails) {
  const absl::Status status =
      WithRetry(WithReason(absl::ResourceExhaustedError("full"), "DISK_FLOOR"), absl::Seconds(7));
  const absl::Status back = FromGrpc(ToGrpc(status));
  EXPECT_EQ(back, status);
  EXPECT_EQ(ReasonOf(back), "DISK_FLOOR");
  EXPECT_EQ(RetryDelayOf(back), absl::Seconds(7));
}

TEST(GrpcStatus, RepeatsCodeAndMessageInTheDetails) {
  const grpc::Status status = ToGrpc(WithReason(absl::AbortedError("go"), "UPLOAD_SUPERSEDED"));
  google::rpc::Status wire;
  ASSERT_TRUE(wire.ParseFromString(status.error_details()));
  EXPECT_EQ(wire.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(wire.message(), "go");
}

TEST(GrpcStatus, ToleratesDetailsThatAreNoStatus) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xff\xff"));
  EXPECT_EQ(status, absl::InternalError("broken"));
}

TEST(GrpcStatus, CutsMessagesThatHeadersCannotCarry) {
  const grpc::Status status = ToGrpc(absl::InternalError(std::string(100'000, 'x')));
  EXPECT_EQ(status.error_message().size(), 2048u);
}

}  // namespace
}  // namespace marrow
