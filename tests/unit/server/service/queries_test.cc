// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/errors/error_info.h"
#include "tests/fakes/fake_printk_ring.h"
#include "tests/unit/server/service/running_store.h"
#include "vmm_backend/elfcore/core_reader.h"

namespace marrow {
namespace {

using testing::HasSubstr;

class Queries : public testing::Test {
 protected:
  void Store(int number, const std::string& core) {
    const auto result = store_.Upload(number, core);
    ASSERT_TRUE(result.ok()) << result.status();
  }

  template <typename Request>
  static Request Named(const std::string& name) {
    Request request;
    request.set_name(name);
    return request;
  }

  // ReadCore as one string, or the error.
  absl::StatusOr<std::string> ReadCore(const v1::ReadCoreRequest& request) {
    std::string core;
    absl::Status status = store_.client().ReadCore(request, [&](const std::string& piece) {
      EXPECT_LE(piece.size(), std::size_t{1} << 20);
      core += piece;
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return core;
  }

  RunningStore store_;
  const std::string core_ = SampleCore(1, 700);  // several pieces of 1 MiB
};

TEST_F(Queries, GetGivesWhatCommitGave) {
  const auto result = store_.Upload(1, core_);
  ASSERT_TRUE(result.ok()) << result.status();
  const auto dump = store_.client().GetDump(Named<v1::GetDumpRequest>(store_.Name(1)));
  ASSERT_TRUE(dump.ok()) << dump.status();
  EXPECT_EQ(dump->SerializeAsString(), result->dump.SerializeAsString());
}

TEST_F(Queries, NameEveryDumpThatIsNotThere) {
  const std::string name = store_.Name(1);
  v1::ReadMemoryRequest memory = Named<v1::ReadMemoryRequest>(name);
  memory.set_gpa(0);
  memory.set_length(1);
  for (const absl::Status& status :
       {store_.client().GetDump(Named<v1::GetDumpRequest>(name)).status(),
        store_.client().GetLog(Named<v1::GetLogRequest>(name)).status(),
        store_.client().ReadMemory(memory).status(),
        store_.client().DeleteDump(Named<v1::DeleteDumpRequest>(name)),
        ReadCore(Named<v1::ReadCoreRequest>(name)).status()}) {
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_EQ(ReasonOf(status), "DUMP_NOT_FOUND");
  }
}

TEST_F(Queries, RefuseNamesOfAnotherForm) {
  for (const std::string& name : {std::string(), SampleId(1), std::string("dumps/"),
                                  std::string("dumps/../../etc"), "vms/" + SampleId(1)}) {
    const absl::Status status = store_.client().GetDump(Named<v1::GetDumpRequest>(name)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_EQ(ReasonOf(status), "NAME_INVALID");
  }
}

TEST_F(Queries, ReadCoreGivesTheBytes) {
  Store(1, core_);
  EXPECT_TRUE(ReadCore(Named<v1::ReadCoreRequest>(store_.Name(1))).value() == core_);
}

TEST_F(Queries, ReadCoreGivesRanges) {
  Store(1, core_);
  const std::uint64_t size = core_.size();
  struct {
    std::uint64_t offset, length, expected;
  } const cases[] = {{0, 1, 1},          {5, 100, 100}, {1 << 20, 0, size - (1 << 20)},
                     {size - 1, 100, 1}, {size, 0, 0},  {100, ~std::uint64_t{0}, size - 100}};
  for (const auto& c : cases) {
    v1::ReadCoreRequest request = Named<v1::ReadCoreRequest>(store_.Name(1));
    request.set_offset(c.offset);
    request.set_length(c.length);
    EXPECT_TRUE(ReadCore(request).value() == core_.substr(c.offset, c.expected)) << c.offset;
  }
}

TEST_F(Queries, ReadCoreRefusesOffsetsBehindTheEnd) {
  Store(1, core_);
  v1::ReadCoreRequest request = Named<v1::ReadCoreRequest>(store_.Name(1));
  request.set_offset(core_.size() + 1);
  EXPECT_EQ(ReasonOf(ReadCore(request).status()), "OFFSET_OUT_OF_RANGE");
}

TEST_F(Queries, ReadMemoryEqualsTheCoresBytes) {
  Store(1, core_);
  const SpanSource source(AsBytes(core_));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  const CoreSegment segment = core->segments().back();
  v1::ReadMemoryRequest request = Named<v1::ReadMemoryRequest>(store_.Name(1));
  request.set_gpa(Raw(segment.paddr) + 10);
  request.set_length(100);
  const auto memory = store_.client().ReadMemory(request);
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->data(), core_.substr(segment.file_offset + 10, 100));
}

TEST_F(Queries, ReadMemoryReadsKernelAddresses) {
  FakePrintkRing ring(6, 12);
  ring.Append(0, "marked text");
  Store(1, ring.Core());
  v1::ReadMemoryRequest request = Named<v1::ReadMemoryRequest>(store_.Name(1));
  request.set_gva(Raw(ring.Header()));
  request.set_length(8);
  const auto memory = store_.client().ReadMemory(request);
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(LoadAt<std::uint64_t>(AsBytes(memory->data()), 0), ring.Load64(ring.Header()));
}

TEST_F(Queries, ReadMemoryRefusesWhatItCannotGive) {
  Store(1, core_);
  struct {
    const char* reason;
    std::function<void(v1::ReadMemoryRequest&)> ask;
  } const cases[] = {
      {"ADDRESS_NOT_CAPTURED", [](auto& r) { r.set_gpa(kPageBytes); }},
      {"ADDRESS_MISSING", [](auto& r) { r.clear_address(); }},
      {"LENGTH_INVALID", [](auto& r) { r.set_length(0); }},
      {"LENGTH_INVALID", [](auto& r) { r.set_length((1 << 20) + 1); }},
  };
  for (const auto& c : cases) {
    v1::ReadMemoryRequest request = Named<v1::ReadMemoryRequest>(store_.Name(1));
    request.set_gpa(0);
    request.set_length(1);
    c.ask(request);
    EXPECT_EQ(ReasonOf(store_.client().ReadMemory(request).status()), c.reason);
  }
}

TEST_F(Queries, GetLogGivesTheKernelLog) {
  FakePrintkRing ring(6, 12);
  ring.Append(1'500'000'000, "Kernel panic - not syncing: test");
  Store(1, ring.Core());
  const auto log = store_.client().GetLog(Named<v1::GetLogRequest>(store_.Name(1)));
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->text(), "[    1.500000] Kernel panic - not syncing: test\n");
  EXPECT_EQ(log->records(), 1u);
  EXPECT_EQ(log->lost_records(), 0u);
}

TEST_F(Queries, GetLogSaysIfThereIsNone) {
  Store(1, core_);
  const absl::Status status =
      store_.client().GetLog(Named<v1::GetLogRequest>(store_.Name(1))).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(ReasonOf(status), "LOG_NOT_READABLE");
}

TEST_F(Queries, SayThatAStoredCoreIsDamaged) {
  Store(1, core_);
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(store_.options().data_directory + "/blobs")) {
    if (!entry.is_regular_file()) continue;
    std::fstream blob(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    blob.seekp(static_cast<std::streamoff>(entry.file_size() / 2));
    blob.write("damage", 6);
  }
  const auto read = ReadCore(Named<v1::ReadCoreRequest>(store_.Name(1)));
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
  EXPECT_EQ(ReasonOf(read.status()), "CORE_DAMAGED");
}

TEST_F(Queries, DeleteForgetsTheDump) {
  Store(1, core_);
  ASSERT_TRUE(store_.client().DeleteDump(Named<v1::DeleteDumpRequest>(store_.Name(1))).ok());
  EXPECT_TRUE(absl::IsNotFound(
      store_.client().GetDump(Named<v1::GetDumpRequest>(store_.Name(1))).status()));
}

TEST_F(Queries, ListWalksPages) {
  const std::string core = SampleCore(1, 1);
  for (int i = 0; i < 5; ++i) Store(i, core);
  v1::ListDumpsRequest request;
  request.set_page_size(2);
  request.set_order_by("capture_time");
  std::vector<std::string> names;
  do {
    const auto page = store_.client().ListDumps(request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const v1::Dump& dump : page->dumps()) names.push_back(dump.name());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, testing::ElementsAre(store_.Name(0), store_.Name(1), store_.Name(2),
                                          store_.Name(3), store_.Name(4)));
}

TEST_F(Queries, ListFilters) {
  const std::string core = SampleCore(1, 1);
  for (int i = 0; i < 5; ++i) Store(i, core);
  v1::ListDumpsRequest request;
  request.set_filter("trigger = WATCHDOG AND labels.team = \"network\"");
  const auto page = store_.client().ListDumps(request);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->dumps_size(), 2);
}

TEST_F(Queries, ListRefusesBadRequests) {
  struct {
    const char* reason;
    std::function<void(v1::ListDumpsRequest&)> ask;
  } const cases[] = {
      {"PAGE_SIZE_INVALID", [](auto& r) { r.set_page_size(-1); }},
      {"PAGE_TOKEN_INVALID", [](auto& r) { r.set_page_token("token"); }},
      {"FILTER_INVALID", [](auto& r) { r.set_filter("vm ="); }},
      {"ORDER_BY_INVALID", [](auto& r) { r.set_order_by("color"); }},
  };
  for (const auto& c : cases) {
    v1::ListDumpsRequest request;
    c.ask(request);
    const absl::Status status = store_.client().ListDumps(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(ReasonOf(status), c.reason);
  }
}

TEST_F(Queries, ListTokenBelongsToItsFilter) {
  const std::string core = SampleCore(1, 1);
  for (int i = 0; i < 3; ++i) Store(i, core);
  v1::ListDumpsRequest request;
  request.set_page_size(1);
  const auto page = store_.client().ListDumps(request);
  ASSERT_TRUE(page.ok()) << page.status();
  request.set_page_token(page->next_page_token());
  request.set_filter("trigger = PANIC");
  EXPECT_EQ(ReasonOf(store_.client().ListDumps(request).status()), "PAGE_TOKEN_MISMATCH");
}

}  // namespace
}  // namespace marrow
