// SPDX-License-Identifier: Apache-2.0
// Every file operation of a put fails once, and the power is cut afterwards.
#include <gtest/gtest.h>

#include <tuple>

#include "server/blobs/file_blob_store.h"
#include "tests/fakes/fault_file_system.h"

namespace marrow {
namespace {

using Fault = FaultFileSystem::Fault;

constexpr std::uint64_t kMoreThanAnyPutDoes = 100;

bool HasTemporaries(FaultFileSystem& files) {
  const auto shards = files.List("/blobs");
  if (!shards.ok()) return false;
  for (const std::string& shard : *shards) {
    const auto names = files.List("/blobs/" + shard);
    if (!names.ok()) return false;
    for (const std::string& name : *names) {
      if (name.ends_with(".tmp")) return true;
    }
  }
  return false;
}

class BlobFault : public testing::TestWithParam<std::tuple<Fault, bool>> {};

TEST_P(BlobFault, AcknowledgedBlobsSurviveAndOthersAreWholeOrAbsent) {
  const auto [fault, power_cut] = GetParam();
  const std::string content(600'000, 'c');
  const Sha256Digest digest = Sha256Of(AsBytes(content));
  for (std::uint64_t n = 1;; ++n) {
    ASSERT_LT(n, kMoreThanAnyPutDoes);
    FaultFileSystem files;
    auto store = FileBlobStore::Open(files, "/blobs");
    ASSERT_TRUE(store.ok());
    files.FailAt(n, fault);
    const bool acknowledged = (*store)->Put(digest, SpanSource(AsBytes(content))).ok();
    const bool hit = files.fault_hit();
    files.Heal();
    store->reset();
    if (power_cut) files.DropUnsynced();

    auto reopened = FileBlobStore::Open(files, "/blobs");
    ASSERT_TRUE(reopened.ok()) << reopened.status();
    EXPECT_FALSE(HasTemporaries(files)) << "operation " << n;
    const auto blob = (*reopened)->Open(digest);
    EXPECT_TRUE(blob.ok() || (!acknowledged && absl::IsNotFound(blob.status())))
        << "operation " << n << ": " << blob.status();
    if (blob.ok()) {
      std::string out((*blob)->size(), '\0');
      ASSERT_TRUE((*blob)->ReadAt(0, std::as_writable_bytes(std::span(out))).ok());
      EXPECT_EQ(out, content);
    }
    EXPECT_TRUE((*reopened)->Put(digest, SpanSource(AsBytes(content))).ok()) << "operation " << n;
    if (!hit) break;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BlobFault,
                         testing::Combine(testing::Values(Fault::kOnce, Fault::kFromThenOn),
                                          testing::Bool()));

}  // namespace
}  // namespace marrow
