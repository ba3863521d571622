// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/query/filter.h"

namespace marrow {
namespace {

TEST(ParseOrderBy, AcceptsEveryFieldBothWays) {
  struct Case {
    const char* text;
    OrderField field;
    OrderDirection direction;
  };
  const Case cases[] = {
      {"", OrderField::kCaptureTime, OrderDirection::kDescending},
      {"  ", OrderField::kCaptureTime, OrderDirection::kDescending},
      {"capture_time", OrderField::kCaptureTime, OrderDirection::kAscending},
      {"receive_time desc", OrderField::kReceiveTime, OrderDirection::kDescending},
      {" vm  desc ", OrderField::kVm, OrderDirection::kDescending},
      {"host", OrderField::kHost, OrderDirection::kAscending},
      {"core_bytes desc", OrderField::kCoreBytes, OrderDirection::kDescending},
  };
  for (const Case& test : cases) {
    const auto order = ParseOrderBy(test.text);
    ASSERT_TRUE(order.ok()) << order.status();
    EXPECT_EQ(order->field, test.field) << test.text;
    EXPECT_EQ(order->direction, test.direction) << test.text;
  }
}

TEST(ParseOrderBy, NamesTheFieldsThereAre) {
  for (const char* text : {"title", "vm asc", "vm DESC", "vm,host", "vm desc host", "desc"}) {
    const auto order = ParseOrderBy(text);
    EXPECT_EQ(order.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(order.status().message()), testing::HasSubstr("capture_time")) << text;
  }
}

}  // namespace
}  // namespace marrow
