// SPDX-License-Identifier: Apache-2.0
// Every file operation of an upload fails once, the store restarts, and the host tries again.
#include <gtest/gtest.h>

#include <tuple>

#include "tests/unit/server/ingest/upload_steps.h"

namespace marrow {
namespace {

using Fault = FaultFileSystem::Fault;

constexpr std::uint64_t kMoreThanAnyUploadDoes = 500;

class UploadFault : public testing::TestWithParam<std::tuple<Fault, bool>> {};

TEST_P(UploadFault, LosesNothingAcknowledgedAndShowsNothingHalf) {
  const auto [fault, power_cut] = GetParam();
  const std::string core = SampleCore(1, 50);
  for (std::uint64_t n = 1;; ++n) {
    SCOPED_TRACE(testing::Message() << "operation " << n);
    ASSERT_LT(n, kMoreThanAnyUploadDoes);
    TestStore store({.checkpoint_bytes = 64 << 10});
    ASSERT_TRUE(store.Open().ok());
    store.files().FailAt(n, fault);
    const UploadOutcome first = RunUpload(store.ingestor(), SampleManifest(1), core, 30'000);
    const bool hit = store.files().fault_hit();
    store.files().Heal();
    store.Close();
    if (power_cut) store.files().DropUnsynced();
    ASSERT_TRUE(store.Open().ok());

    const bool visible = store.archive().Get(SampleId(1)).ok();
    EXPECT_TRUE(visible || !first.committed) << "an acknowledged dump is lost";
    EXPECT_TRUE(!visible || store.ReadCore(1) == core) << store.ReadCore(1).substr(0, 200);

    const auto session = store.ingestor().NewSession();
    const Answer again = session->Handle(BeginOf(SampleManifest(1), core));
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(visible || AcceptedOffset(again) >= first.acknowledged_bytes);
    const UploadOutcome second = RunUpload(store.ingestor(), SampleManifest(1), core, 30'000);
    EXPECT_TRUE(second.committed) << second.status;
    EXPECT_EQ(store.ReadCore(1), core);
    ASSERT_TRUE(store.Open().ok());
    EXPECT_TRUE(store.Incoming().empty()) << "leftovers";
    if (!hit) break;
  }
}

INSTANTIATE_TEST_SUITE_P(All, UploadFault,
                         testing::Combine(testing::Values(Fault::kOnce, Fault::kFromThenOn),
                                          testing::Bool()));

}  // namespace
}  // namespace marrow
