// SPDX-License-Identifier: Apache-2.0
#include "server/errors/error_info.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"

namespace marrow {
namespace {

TEST(ErrorInfo, KeepsCodeAndMessage) {
  const absl::Status status = WithReason(absl::NotFoundError("no such dump"), "DUMP_NOT_FOUND");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such dump");
}

TEST(ErrorInfo, CarriesReasonDomainAndMetadata) {
  const absl::Status status =
      WithReason(absl::NotFoundError("x"), "DUMP_NOT_FOUND", {{"dump", "a"}, {"vm", "b"}});
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(std::string(*status.GetPayload(kErrorInfoUrl))));
  EXPECT_EQ(info.reason(), "DUMP_NOT_FOUND");
  EXPECT_EQ(info.domain(), "marrow.dev");
  EXPECT_EQ(info.metadata().at("dump"), "a");
  EXPECT_EQ(info.metadata().at("vm"), "b");
}

TEST(ErrorInfo, KeepsTheFirstReason) {
  const absl::Status inner = WithReason(absl::DataLossError("x"), "CHUNK_CRC_MISMATCH");
  EXPECT_EQ(ReasonOf(WithReason(inner, "OTHER")), "CHUNK_CRC_MISMATCH");
}

TEST(ErrorInfo, HasNoReasonUnlessGiven) { EXPECT_EQ(ReasonOf(absl::InternalError("x")), ""); }

TEST(ErrorInfo, IgnoresReasonsOfOtherDomains) {
  google::rpc::ErrorInfo info;
  info.set_reason("API_DISABLED");
  info.set_domain("example.com");
  absl::Status status = absl::InternalError("x");
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  EXPECT_EQ(ReasonOf(status), "");
}

TEST(LastResort, GivesFailuresOfTheStoreAReason) {
  EXPECT_EQ(ReasonOf(WithLastResort(absl::InternalError("disk I/O error"))), "STORE_FAILURE");
  EXPECT_EQ(ReasonOf(WithLastResort(absl::UnavailableError("database is locked"))),
            "STORE_FAILURE");
}

TEST(LastResort, AsksToWaitForAFullDisk) {
  const absl::Status status = WithLastResort(absl::ResourceExhaustedError("ENOSPC"));
  EXPECT_EQ(ReasonOf(status), "DISK_FULL");
  EXPECT_TRUE(RetryDelayOf(status).has_value());
}

TEST(LastResort, LeavesReasonsAlone) {
  EXPECT_TRUE(WithLastResort(absl::OkStatus()).ok());
  const absl::Status status = WithReason(absl::ResourceExhaustedError("busy"), "TOO_MANY_REQUESTS");
  EXPECT_EQ(WithLastResort(status), status);
}

TEST(RetryInfo, RoundTripsFractionsOfSeconds) {
  const absl::Status status =
      WithRetry(absl::ResourceExhaustedError("full"), absl::Milliseconds(2500));
  EXPECT_EQ(RetryDelayOf(status), absl::Milliseconds(2500));
}

TEST(RetryInfo, IsAbsentUnlessGiven) {
  EXPECT_EQ(RetryDelayOf(absl::ResourceExhaustedError("full")), std::nullopt);
}

}  // namespace
}  // namespace marrow
