// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/ingest/partial_upload.h"
#include "tests/unit/server/ingest/upload_steps.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Leftovers : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(store_.Open().ok()); }

  // An upload that broke after `bytes`.
  void Break(int number, std::uint64_t bytes) {
    const auto session = store_.ingestor().NewSession();
    ASSERT_TRUE(session->Handle(BeginOf(SampleManifest(number), core_)).ok());
    ASSERT_TRUE(session->Handle(ChunkOf(core_, 0, bytes)).ok());
  }

  TestStore store_;
  const std::string core_ = SampleCore(1, 10);
};

TEST_F(Leftovers, KeepUploadsThatMayContinue) {
  Break(1, 1000);
  ASSERT_TRUE(store_.Open().ok());
  EXPECT_THAT(store_.Incoming(), SizeIs(2));
}

TEST_F(Leftovers, GoWhenTheirTimeIsOver) {
  Break(1, 1000);
  store_.now() += absl::Hours(25);
  Break(2, 1000);
  ASSERT_TRUE(store_.ingestor().CollectLeftovers().ok());
  EXPECT_THAT(store_.Incoming(), ElementsAre(SampleId(2) + ".begin", SampleId(2) + ".part"));
}

TEST_F(Leftovers, GoIfNothingWasAcknowledged) {
  store_.files().Put(PartPath("/data/incoming", SampleId(1)), "bytes of nobody");
  ASSERT_TRUE(store_.ingestor().CollectLeftovers().ok());
  EXPECT_THAT(store_.Incoming(), IsEmpty());
}

TEST_F(Leftovers, GoIfTheDumpIsStored) {
  ASSERT_TRUE(RunUpload(store_.ingestor(), SampleManifest(1), core_, 10'000).committed);
  const BeginRecord record{.core_bytes = core_.size(),
                           .core_sha256 = Sha256Of(AsBytes(core_)),
                           .durable_bytes = 4,
                           .updated = store_.now()};
  store_.files().Put(BeginPath("/data/incoming", SampleId(1)), EncodeBeginRecord(record));
  store_.files().Put(PartPath("/data/incoming", SampleId(1)), "part");
  ASSERT_TRUE(store_.ingestor().CollectLeftovers().ok());
  EXPECT_THAT(store_.Incoming(), IsEmpty());
}

TEST_F(Leftovers, StayWhileAStreamUsesThem) {
  const auto session = store_.ingestor().NewSession();
  ASSERT_TRUE(session->Handle(BeginOf(SampleManifest(1), core_)).ok());
  ASSERT_TRUE(store_.ingestor().CollectLeftovers().ok());
  EXPECT_THAT(store_.Incoming(), ElementsAre(SampleId(1) + ".part"));
  ASSERT_TRUE(session->Handle(ChunkOf(core_, 0, core_.size())).ok());
  EXPECT_TRUE(session->Handle(CommitRequest()).ok());
}

TEST_F(Leftovers, DoNotIncludeFilesOfOthers) {
  store_.files().Put("/data/incoming/README", "put here by an operator");
  ASSERT_TRUE(store_.ingestor().CollectLeftovers().ok());
  EXPECT_THAT(store_.Incoming(), ElementsAre("README"));
}

}  // namespace
}  // namespace marrow
