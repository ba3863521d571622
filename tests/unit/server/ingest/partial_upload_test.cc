// SPDX-License-Identifier: Apache-2.0
#include "server/ingest/partial_upload.h"

#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "tests/fakes/fault_file_system.h"
#include "tests/fakes/sample_dump.h"

namespace marrow {
namespace {

constexpr char kDirectory[] = "/incoming";

BeginRecord SampleRecord() {
  return {.core_bytes = 100,
          .core_sha256 = Sha256Of(AsBytes("core")),
          .durable_bytes = 40,
          .updated = absl::FromUnixSeconds(1'800'000'000)};
}

TEST(BeginRecord, RoundTrips) {
  const auto back = DecodeBeginRecord(EncodeBeginRecord(SampleRecord()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->core_bytes, 100u);
  EXPECT_EQ(back->core_sha256, SampleRecord().core_sha256);
  EXPECT_EQ(back->durable_bytes, 40u);
  EXPECT_EQ(back->updated, SampleRecord().updated);
}

TEST(BeginRecord, RefusesDamage) {
  const std::string good = EncodeBeginRecord(SampleRecord());
  for (const auto& [from, to] :
       {std::pair{"marrow-upload 1", "marrow-upload 2"},
        std::pair{"core_bytes 100", "core_bytes x"},
        std::pair{"durable_bytes 40", "durable_bytes 101"}, std::pair{"updated", "update"},
        std::pair{"core_sha256 ", "core_sha256 z"}}) {
    const std::string bad = absl::StrReplaceAll(good, {{from, to}});
    ASSERT_NE(bad, good) << from;
    EXPECT_TRUE(absl::IsDataLoss(DecodeBeginRecord(bad).status())) << bad;
  }
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_FALSE(DecodeBeginRecord(good.substr(0, n)).ok()) << n;
  }
}

class PartialUploadTest : public testing::Test {
 protected:
  PartialUploadTest() { EXPECT_TRUE(files_.CreateDirectories(kDirectory).ok()); }

  std::unique_ptr<PartialUpload> Open(const std::string& core = "core") {
    auto upload = PartialUpload::Open(
        files_, kDirectory,
        {.dump_id = SampleId(1), .core_bytes = 100, .core_sha256 = Sha256Of(AsBytes(core))});
    EXPECT_TRUE(upload.ok()) << upload.status();
    return *std::move(upload);
  }

  FaultFileSystem files_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

TEST_F(PartialUploadTest, ContinuesAtTheCheckpointAfterAPowerCut) {
  const auto upload = Open();
  ASSERT_TRUE(upload->Append(AsBytes("12345")).ok());
  ASSERT_TRUE(upload->Checkpoint(now_).ok());
  ASSERT_TRUE(upload->Append(AsBytes("678")).ok());
  files_.DropUnsynced();
  EXPECT_EQ(Open()->size_bytes(), 5u);
}

TEST_F(PartialUploadTest, CutsOffWhatCameAfterTheCheckpoint) {
  {
    const auto upload = Open();
    ASSERT_TRUE(upload->Append(AsBytes("12345")).ok());
    ASSERT_TRUE(upload->Checkpoint(now_).ok());
    ASSERT_TRUE(upload->Append(AsBytes("xxx")).ok());
  }
  const auto upload = Open();
  ASSERT_TRUE(upload->Append(AsBytes("678")).ok());
  EXPECT_EQ(files_.Contents(PartPath(kDirectory, SampleId(1))), "12345678");
}

TEST_F(PartialUploadTest, StartsOverForOtherBytes) {
  {
    const auto upload = Open();
    ASSERT_TRUE(upload->Append(AsBytes("12345")).ok());
    ASSERT_TRUE(upload->Checkpoint(now_).ok());
  }
  EXPECT_EQ(Open("other core")->size_bytes(), 0u);
  EXPECT_EQ(Open()->size_bytes(), 0u);
}

TEST_F(PartialUploadTest, StartsOverWithoutACheckpoint) {
  ASSERT_TRUE(Open()->Append(AsBytes("12345")).ok());
  EXPECT_EQ(Open()->size_bytes(), 0u);
}

TEST_F(PartialUploadTest, StartsOverIfTheRecordIsDamaged) {
  {
    const auto upload = Open();
    ASSERT_TRUE(upload->Append(AsBytes("12345")).ok());
    ASSERT_TRUE(upload->Checkpoint(now_).ok());
  }
  files_.Put(BeginPath(kDirectory, SampleId(1)), "junk");
  EXPECT_EQ(Open()->size_bytes(), 0u);
}

TEST_F(PartialUploadTest, StartsOverIfThePartIsShorterThanItsRecordSays) {
  {
    const auto upload = Open();
    ASSERT_TRUE(upload->Append(AsBytes("12345")).ok());
    ASSERT_TRUE(upload->Checkpoint(now_).ok());
  }
  files_.Put(PartPath(kDirectory, SampleId(1)), "123");
  EXPECT_EQ(Open()->size_bytes(), 0u);
}

}  // namespace
}  // namespace marrow
