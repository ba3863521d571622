// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/daemon/upload_schedule.h"

#include <gtest/gtest.h>

namespace marrow {
namespace {

using Scope = UploadSchedule::Scope;

constexpr MonotonicTime kStart = absl::Seconds(1000);
constexpr double kAlmostOne = 0.999999;

UploadSchedule MakeSchedule(double uniform = kAlmostOne) {
  return UploadSchedule({.store = {absl::Milliseconds(200), absl::Seconds(1)},
                         .dump = {absl::Seconds(10), absl::Seconds(60)},
                         .max_retry_delay = absl::Seconds(100)},
                        [uniform] { return uniform; });
}

TEST(Backoff, DoublesUpToItsMaximum) {
  const Backoff backoff{absl::Milliseconds(200), absl::Seconds(1)};
  const std::pair<int, absl::Duration> kCases[] = {{1, absl::Milliseconds(200)},
                                                   {2, absl::Milliseconds(400)},
                                                   {3, absl::Milliseconds(800)},
                                                   {4, absl::Seconds(1)},
                                                   {1'000'000'000, absl::Seconds(1)}};
  for (const auto& [failures, delay] : kCases) EXPECT_EQ(backoff.Delay(failures, 1), delay);
}

TEST(Backoff, JitterTakesTheWholeRange) {
  const Backoff backoff{absl::Milliseconds(200), absl::Seconds(1)};
  EXPECT_EQ(backoff.Delay(1, 0), absl::ZeroDuration());
  EXPECT_EQ(backoff.Delay(1, 0.5), absl::Milliseconds(100));
}

TEST(UploadSchedule, TakesTheOldestFirst) {
  UploadSchedule schedule = MakeSchedule();
  EXPECT_EQ(schedule.Next({"a", "b"}, kStart).id, "a");
}

TEST(UploadSchedule, WaitsForEverWhereNothingIsPending) {
  UploadSchedule schedule = MakeSchedule();
  const auto turn = schedule.Next({}, kStart);
  EXPECT_EQ(turn.id, "");
  EXPECT_EQ(turn.wait, absl::InfiniteDuration());
}

TEST(UploadSchedule, UnreachableStoreStopsAllDumpsForAShortTime) {
  UploadSchedule schedule = MakeSchedule();
  schedule.Failed("a", Scope::kStore, std::nullopt, kStart);
  const auto turn = schedule.Next({"a", "b"}, kStart);
  EXPECT_EQ(turn.id, "");
  EXPECT_GT(turn.wait, absl::ZeroDuration());
  EXPECT_LE(turn.wait, absl::Milliseconds(200));
}

TEST(UploadSchedule, UnreachableStoreIsTriedEverySecondHoweverLongItIsGone) {
  UploadSchedule schedule = MakeSchedule();
  MonotonicTime now = kStart;
  for (int i = 0; i < 1000; ++i) now += schedule.Failed("a", Scope::kStore, std::nullopt, now);
  schedule.Failed("a", Scope::kStore, std::nullopt, now);
  EXPECT_EQ(schedule.Next({"a"}, now + absl::Seconds(1)).id, "a");
}

TEST(UploadSchedule, FailingDumpLetsTheOthersPass) {
  UploadSchedule schedule = MakeSchedule();
  schedule.Failed("a", Scope::kDump, std::nullopt, kStart);
  EXPECT_EQ(schedule.Next({"a", "b"}, kStart + absl::Seconds(1)).id, "b");
  schedule.Succeeded("b");
  EXPECT_EQ(schedule.Next({"a"}, kStart + absl::Seconds(1)).id, "");
  EXPECT_EQ(schedule.Next({"a"}, kStart + absl::Seconds(10)).id, "a");
}

TEST(UploadSchedule, FewestFailuresGoFirstWhereAllMayBeTried) {
  UploadSchedule schedule = MakeSchedule(0);
  schedule.Failed("a", Scope::kStore, std::nullopt, kStart);
  EXPECT_EQ(schedule.Next({"a", "b", "c"}, kStart).id, "b");
  schedule.Failed("b", Scope::kStore, std::nullopt, kStart);
  EXPECT_EQ(schedule.Next({"a", "b", "c"}, kStart).id, "c");
  schedule.Failed("c", Scope::kStore, std::nullopt, kStart);
  EXPECT_EQ(schedule.Next({"a", "b", "c"}, kStart).id, "a");
}

TEST(UploadSchedule, SuccessOpensTheStoreAtOnce) {
  UploadSchedule schedule = MakeSchedule();
  schedule.Failed("a", Scope::kStore, std::nullopt, kStart);
  schedule.Succeeded("b");
  EXPECT_EQ(schedule.Next({"a"}, kStart).id, "a");
}

TEST(UploadSchedule, WaitsAtLeastAsLongAsTheStoreAsks) {
  UploadSchedule schedule = MakeSchedule(0);
  const absl::Duration asked = absl::Seconds(7);
  EXPECT_EQ(schedule.Failed("a", Scope::kDump, asked, kStart), asked);
  EXPECT_EQ(schedule.Next({"a", "b"}, kStart + asked - absl::Nanoseconds(1)).id, "");
  EXPECT_EQ(schedule.Next({"a", "b"}, kStart + asked).id, "b");
}

TEST(UploadSchedule, StoreCannotAskForAnEndlessPause) {
  UploadSchedule schedule = MakeSchedule(0);
  schedule.Failed("a", Scope::kDump, absl::InfiniteDuration(), kStart);
  EXPECT_EQ(schedule.Next({"a"}, kStart + absl::Seconds(100)).id, "a");
}

}  // namespace
}  // namespace marrow
