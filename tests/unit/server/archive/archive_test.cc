// SPDX-License-Identifier: Apache-2.0
#include "server/archive/archive.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>
#include <utility>

#include "server/blobs/file_blob_store.h"
#include "server/catalog/sqlite_catalog.h"
#include "server/errors/error_info.h"
#include "tests/fakes/fault_file_system.h"
#include "tests/fakes/sample_dump.h"
#include "tests/fakes/temporary_directory.h"

namespace marrow {
namespace {

class ArchiveTest : public testing::Test {
 protected:
  void SetUp() override {
    auto catalog = SqliteCatalog::Open(directory_.Path("catalog.db"));
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    catalog_ = *std::move(catalog);
    auto blobs = FileBlobStore::Open(files_, "/blobs");
    ASSERT_TRUE(blobs.ok()) << blobs.status();
    blobs_ = *std::move(blobs);
    archive_ = std::make_unique<Archive>(*catalog_, *blobs_);
  }

  absl::StatusOr<v1::Dump> Add(int number, const std::string& core) {
    v1::Dump dump = SampleDump(number);
    dump.set_core_sha256(DigestText(Sha256Of(AsBytes(core))));
    return archive_->Add(dump, SpanSource(AsBytes(core)));
  }

  bool HasBlob(const std::string& core) { return blobs_->Stat(Sha256Of(AsBytes(core))).ok(); }

  TemporaryDirectory directory_;
  FaultFileSystem files_;
  std::unique_ptr<SqliteCatalog> catalog_;
  std::unique_ptr<FileBlobStore> blobs_;
  std::unique_ptr<Archive> archive_;
};

TEST_F(ArchiveTest, KeepsTheDumpAndItsCore) {
  const auto added = Add(1, "core");
  ASSERT_TRUE(added.ok()) << added.status();
  const auto dump = archive_->Get(SampleId(1));
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_EQ(dump->SerializeAsString(), added->SerializeAsString());
  const auto core = archive_->OpenCore(*dump);
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_EQ((*core)->size(), 4u);
}

TEST_F(ArchiveTest, SaysHowLargeCoreAndBlobAre) {
  const std::string core(100'000, 'c');
  const auto dump = Add(1, core);
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_EQ(dump->core_bytes(), core.size());
  EXPECT_EQ(dump->stored_bytes(), blobs_->Stat(Sha256Of(AsBytes(core)))->stored_bytes);
}

TEST_F(ArchiveTest, HasNoRowForACoreThatIsNotTheOneMeant) {
  v1::Dump dump = SampleDump(1);
  const std::string core = "core";
  EXPECT_TRUE(absl::IsDataLoss(archive_->Add(dump, SpanSource(AsBytes(core))).status()));
  EXPECT_TRUE(absl::IsNotFound(archive_->Get(SampleId(1)).status()));
}

TEST_F(ArchiveTest, RemovesTheBlobWithItsDump) {
  ASSERT_TRUE(Add(1, "core").ok());
  ASSERT_TRUE(archive_->Delete(SampleId(1)).ok());
  EXPECT_FALSE(HasBlob("core"));
}

TEST_F(ArchiveTest, KeepsABlobThatAnotherDumpShares) {
  ASSERT_TRUE(Add(1, "core").ok());
  ASSERT_TRUE(Add(2, "core").ok());
  ASSERT_TRUE(archive_->Delete(SampleId(1)).ok());
  EXPECT_TRUE(HasBlob("core"));
  ASSERT_TRUE(archive_->Delete(SampleId(2)).ok());
  EXPECT_FALSE(HasBlob("core"));
}

TEST_F(ArchiveTest, ReadsACoreToItsEndThoughItIsDeleted) {
  ASSERT_TRUE(Add(1, "core").ok());
  const auto core = archive_->OpenCore(*archive_->Get(SampleId(1)));
  ASSERT_TRUE(core.ok()) << core.status();
  ASSERT_TRUE(archive_->Delete(SampleId(1)).ok());
  std::string text(4, '\0');
  ASSERT_TRUE((*core)->ReadAt(0, std::as_writable_bytes(std::span(text))).ok());
  EXPECT_EQ(text, "core");
}

TEST_F(ArchiveTest, TellsADeletedDumpFromALostBlob) {
  ASSERT_TRUE(Add(1, "core").ok());
  const v1::Dump dump = *archive_->Get(SampleId(1));
  ASSERT_TRUE(blobs_->Remove(*CoreDigest(dump)).ok());
  EXPECT_TRUE(absl::IsNotFound(archive_->OpenCore(dump).status()));
  EXPECT_EQ(ReasonOf(archive_->OpenCore(dump).status()), "");
  ASSERT_TRUE(archive_->Delete(SampleId(1)).ok());
  EXPECT_EQ(ReasonOf(archive_->OpenCore(dump).status()), "DUMP_NOT_FOUND");
}

TEST_F(ArchiveTest, CollectsBlobsWithoutARow) {
  ASSERT_TRUE(Add(1, "kept").ok());
  const std::string orphan = "orphan";
  ASSERT_TRUE(blobs_->Put(Sha256Of(AsBytes(orphan)), SpanSource(AsBytes(orphan))).ok());
  EXPECT_EQ(archive_->CollectOrphans().value(), 1u);
  EXPECT_FALSE(HasBlob("orphan"));
  EXPECT_TRUE(HasBlob("kept"));
}

TEST_F(ArchiveTest, CollectsTheBlobThatDeleteCouldNotRemove) {
  ASSERT_TRUE(Add(1, "core").ok());
  files_.FailAt(1, FaultFileSystem::Fault::kFromThenOn);
  ASSERT_TRUE(archive_->Delete(SampleId(1)).ok());
  files_.Heal();
  ASSERT_TRUE(HasBlob("core"));
  EXPECT_EQ(archive_->CollectOrphans().value(), 1u);
  EXPECT_FALSE(HasBlob("core"));
}

// A core that does something when it is first read.
class CoreWithHook final : public ByteSource {
 public:
  CoreWithHook(const std::string& core, std::function<void()> hook)
      : core_(AsBytes(core)), hook_(std::move(hook)) {}
  std::uint64_t size() const override { return core_.size(); }
  absl::Status ReadAt(std::uint64_t offset, MutableBytes out) const override {
    if (hook_) std::exchange(hook_, nullptr)();
    return core_.ReadAt(offset, out);
  }

 private:
  const SpanSource core_;
  mutable std::function<void()> hook_;
};

TEST_F(ArchiveTest, WorksOnOtherDumpsOfACoreWhileItIsBeingAdded) {
  const std::string core = "core";
  v1::Dump dump = SampleDump(1);
  dump.set_core_sha256(DigestText(Sha256Of(AsBytes(core))));
  const CoreWithHook slow(core, [&] {
    EXPECT_TRUE(Add(2, core).ok());
    EXPECT_TRUE(archive_->Delete(SampleId(2)).ok());
    EXPECT_TRUE(HasBlob(core)) << "the dump under way needs it";
    EXPECT_EQ(archive_->CollectOrphans().value(), 0u);
  });
  ASSERT_TRUE(archive_->Add(dump, slow).ok());
  EXPECT_TRUE(archive_->OpenCore(*archive_->Get(SampleId(1))).ok());
}

TEST_F(ArchiveTest, NeverTakesABlobFromUnderAnAdd) {
  // One thread adds and deletes dumps of the same core while another collects.
  std::atomic<bool> done = false;
  std::thread collector([&] {
    while (!done) EXPECT_TRUE(archive_->CollectOrphans().ok());
  });
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(Add(i, "core").ok());
    const auto core = archive_->OpenCore(*archive_->Get(SampleId(i)));
    EXPECT_TRUE(core.ok()) << core.status();
    ASSERT_TRUE(archive_->Delete(SampleId(i)).ok());
  }
  done = true;
  collector.join();
}

}  // namespace
}  // namespace marrow
