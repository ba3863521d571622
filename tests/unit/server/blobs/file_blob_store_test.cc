// SPDX-License-Identifier: Apache-2.0
#include "server/blobs/file_blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/fault_file_system.h"

namespace marrow {
namespace {

using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class FileBlobStoreTest : public testing::Test {
 protected:
  std::unique_ptr<FileBlobStore> OpenStore() {
    auto store = FileBlobStore::Open(files_, "/blobs");
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  static Sha256Digest DigestOf(const std::string& content) { return Sha256Of(AsBytes(content)); }

  static absl::StatusOr<BlobInfo> Put(BlobStore& store, const std::string& content) {
    return store.Put(DigestOf(content), SpanSource(AsBytes(content)));
  }

  static std::string Read(BlobStore& store, const Sha256Digest& digest) {
    const auto blob = store.Open(digest);
    if (!blob.ok()) return blob.status().ToString();
    std::string out((*blob)->size(), '\0');
    EXPECT_TRUE((*blob)->ReadAt(0, std::as_writable_bytes(std::span(out))).ok());
    return out;
  }

  static std::string PathOf(const std::string& content) {
    const std::string hex = Hex(DigestOf(content));
    return "/blobs/" + hex.substr(0, 2) + "/" + hex + ".zst";
  }

  static std::vector<std::string> Digests(BlobStore& store) {
    std::vector<std::string> digests;
    EXPECT_TRUE(store
                    .ForEach([&](const Sha256Digest& digest) {
                      digests.push_back(Hex(digest));
                      return absl::OkStatus();
                    })
                    .ok());
    return digests;
  }

  FaultFileSystem files_;
};

TEST_F(FileBlobStoreTest, GivesBackWhatWasPut) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "hello").ok());
  EXPECT_EQ(Read(*store, DigestOf("hello")), "hello");
}

TEST_F(FileBlobStoreTest, CountsContentAndStoredBytes) {
  const auto store = OpenStore();
  const std::string content(1 << 20, 'z');
  const auto info = Put(*store, content);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->content_bytes, content.size());
  EXPECT_EQ(info->stored_bytes, files_.Contents(PathOf(content)).size());
  EXPECT_LT(info->stored_bytes, content.size() / 100);
}

TEST_F(FileBlobStoreTest, RefusesContentOfAnotherDigest) {
  const auto store = OpenStore();
  const std::string content = "hello";
  const auto info = store->Put(DigestOf("other"), SpanSource(AsBytes(content)));
  EXPECT_TRUE(absl::IsDataLoss(info.status())) << info.status();
  EXPECT_THAT(Digests(*store), IsEmpty());
}

TEST_F(FileBlobStoreTest, RefusesContentOfAnotherDigestEvenIfTheBlobIsThere) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "hello").ok());
  const std::string same_size = "jello";
  EXPECT_TRUE(
      absl::IsDataLoss(store->Put(DigestOf("hello"), SpanSource(AsBytes(same_size))).status()));
  EXPECT_EQ(Read(*store, DigestOf("hello")), "hello");
}

TEST_F(FileBlobStoreTest, TakesTheSameBlobTwice) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "hello").ok());
  ASSERT_TRUE(Put(*store, "hello").ok());
  EXPECT_THAT(Digests(*store), SizeIs(1));
}

TEST_F(FileBlobStoreTest, ReplacesABlobThatIsDamaged) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "hello").ok());
  files_.Put(PathOf("hello"), "junk");
  ASSERT_TRUE(Put(*store, "hello").ok());
  EXPECT_EQ(Read(*store, DigestOf("hello")), "hello");
}

TEST_F(FileBlobStoreTest, ReplacesABlobWhoseContentIsDamagedBehindASoundTable) {
  const auto store = OpenStore();
  const std::string content(100, 'x');
  ASSERT_TRUE(Put(*store, content).ok());
  std::string stored = files_.Contents(PathOf(content));
  stored[12] = static_cast<char>(stored[12] ^ 1);  // inside the first frame
  files_.Put(PathOf(content), stored);
  ASSERT_TRUE(store->Stat(DigestOf(content)).ok());
  ASSERT_TRUE(Put(*store, content).ok());
  EXPECT_EQ(Read(*store, DigestOf(content)), content);
}

TEST_F(FileBlobStoreTest, KnowsWhatIsNotThere) {
  const auto store = OpenStore();
  EXPECT_TRUE(absl::IsNotFound(store->Open(DigestOf("x")).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Stat(DigestOf("x")).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Remove(DigestOf("x"))));
}

TEST_F(FileBlobStoreTest, RemovesDurably) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "hello").ok());
  ASSERT_TRUE(store->Remove(DigestOf("hello")).ok());
  files_.DropUnsynced();
  EXPECT_FALSE(files_.Exists(PathOf("hello")));
}

TEST_F(FileBlobStoreTest, ReportsDamageAtOpen) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "hello").ok());
  files_.Put(PathOf("hello"), "junk");
  EXPECT_TRUE(absl::IsDataLoss(store->Open(DigestOf("hello")).status()));
}

TEST_F(FileBlobStoreTest, ListsBlobsAndNothingElse) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "a").ok());
  ASSERT_TRUE(Put(*store, "b").ok());
  files_.Put(PathOf("a") + ".bak", "not ours");
  EXPECT_THAT(Digests(*store), UnorderedElementsAre(Hex(DigestOf("a")), Hex(DigestOf("b"))));
}

TEST_F(FileBlobStoreTest, MayRemoveWhileListing) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "a").ok());
  ASSERT_TRUE(Put(*store, "b").ok());
  EXPECT_TRUE(store->ForEach([&](const Sha256Digest& d) { return store->Remove(d); }).ok());
  EXPECT_THAT(Digests(*store), IsEmpty());
}

TEST_F(FileBlobStoreTest, StopsListingAtAnError) {
  const auto store = OpenStore();
  ASSERT_TRUE(Put(*store, "a").ok());
  const auto stop = absl::CancelledError("enough");
  EXPECT_EQ(store->ForEach([&](const Sha256Digest&) { return stop; }), stop);
}

TEST_F(FileBlobStoreTest, KeepsABlobWhoseShardAnEarlierPutCouldNotSync) {
  const auto store = OpenStore();
  files_.FailAt(2);  // after the look whether the blob is there, CreateDirectories
  ASSERT_FALSE(Put(*store, "hello").ok());
  files_.Heal();
  ASSERT_TRUE(Put(*store, "hello").ok());
  files_.DropUnsynced();
  EXPECT_EQ(Read(*store, DigestOf("hello")), "hello");
}

TEST_F(FileBlobStoreTest, CollectsTemporariesWhenOpened) {
  ASSERT_TRUE(Put(*OpenStore(), "a").ok());
  const std::string leftover = PathOf("a") + ".tmp";
  files_.Put(leftover, "half");
  OpenStore();
  EXPECT_FALSE(files_.Exists(leftover));
}

}  // namespace
}  // namespace marrow
