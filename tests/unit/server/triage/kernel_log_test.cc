// SPDX-License-Identifier: Apache-2.0
#include "server/triage/kernel_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/fakes/fake_printk_ring.h"

namespace marrow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using State = FakePrintkRing::State;

absl::StatusOr<KernelLog> Read(const FakePrintkRing& ring, KernelLogLimits limits = {}) {
  const std::string core = ring.Core();
  const SpanSource source(AsBytes(core));
  const auto reader = CoreReader::Open(source);
  if (!reader.ok()) return reader.status();
  return ReadKernelLog(*reader, limits);
}

std::vector<std::string> Texts(const absl::StatusOr<KernelLog>& log) {
  EXPECT_TRUE(log.ok()) << log.status();
  std::vector<std::string> texts;
  if (!log.ok()) return texts;
  for (const LogRecord& record : log->records) texts.push_back(record.text);
  return texts;
}

// Small enough to see, large enough to wrap: 8 records, 256 bytes of text.
FakePrintkRing SmallRing() { return FakePrintkRing(3, 8); }

TEST(KernelLog, IsEmptyAtBoot) {
  const auto log = Read(SmallRing());
  EXPECT_THAT(Texts(log), IsEmpty());
  EXPECT_EQ(log->lost_records, 0u);
}

TEST(KernelLog, HoldsSequenceTimeAndText) {
  FakePrintkRing ring = SmallRing();
  ring.Append(0, "Linux version 6.1.0");
  ring.Append(1'234'567'890, "second");
  const auto log = Read(ring);
  ASSERT_THAT(Texts(log), ElementsAre("Linux version 6.1.0", "second"));
  EXPECT_EQ(log->records[0].sequence, 0u);
  EXPECT_EQ(log->records[1].sequence, 1u);
  EXPECT_EQ(log->records[1].time_ns, 1'234'567'890u);
}

TEST(KernelLog, KeepsTheNewestOfAFullDescriptorRing) {
  FakePrintkRing ring = SmallRing();
  for (int i = 0; i < 100; ++i) ring.Append(0, absl::StrCat(i));
  const auto log = Read(ring);
  EXPECT_THAT(Texts(log), ElementsAre("92", "93", "94", "95", "96", "97", "98", "99"));
  EXPECT_EQ(log->records[0].sequence, 92u);
  EXPECT_EQ(log->lost_records, 0u);
}

TEST(KernelLog, ReadsBlocksOfAWrappedDataRing) {
  // Texts of every length from 1 to 100 put the end of the ring at every place of a block.
  for (const auto exact : {FakePrintkRing::ExactFit::kMoves, FakePrintkRing::ExactFit::kStays}) {
    FakePrintkRing ring(3, 8, exact);
    for (std::size_t i = 0; i < 400; ++i) {
      const std::string text(1 + i * 7 % 100, static_cast<char>('a' + i % 26));
      ring.Append(i, text);
      const auto log = Read(ring);
      ASSERT_EQ(Texts(log).back(), text) << i;
      ASSERT_EQ(log->lost_records, 0u) << i;
    }
  }
}

TEST(KernelLog, ReadsEmptyRecords) {
  FakePrintkRing ring = SmallRing();
  ring.Append(0, "");
  ring.Append(0, "a");
  EXPECT_THAT(Texts(Read(ring)), ElementsAre("", "a"));
}

TEST(KernelLog, ReadsCommittedRecordsAndCountsReservedOnes) {
  FakePrintkRing ring = SmallRing();
  ring.Append(0, "committed", State::kCommitted);
  ring.Append(0, "half writ", State::kReserved);
  ring.Append(0, "finalized", State::kFinalized);
  const auto log = Read(ring);
  EXPECT_THAT(Texts(log), ElementsAre("committed", "finalized"));
  EXPECT_EQ(log->lost_records, 1u);
}

TEST(KernelLog, CountsRecordsThatHadNoRoomForTheirText) {
  FakePrintkRing ring = SmallRing();
  ring.Append(0, std::string(300, 'x'));
  ring.Append(0, "after");
  const auto log = Read(ring);
  EXPECT_THAT(Texts(log), ElementsAre("after"));
  EXPECT_EQ(log->lost_records, 1u);
}

TEST(KernelLog, CountsEachDamagedRecordAndReadsTheOthers) {
  struct Case {
    const char* name;
    void (*damage)(FakePrintkRing& ring, std::uint64_t id);
  };
  const Case cases[] = {
      {"descriptor of another id",
       [](FakePrintkRing& r, std::uint64_t id) {
         r.Store64(r.Descriptor(id), std::uint64_t{2} << 62 | (id + 8));
       }},
      {"zeroed descriptor",
       [](FakePrintkRing& r, std::uint64_t id) { r.Store64(r.Descriptor(id), 0); }},
      {"info of another sequence number",
       [](FakePrintkRing& r, std::uint64_t id) { r.Store64(r.Info(id), 77); }},
      {"text longer than its block",
       [](FakePrintkRing& r, std::uint64_t id) {
         r.Store64(Gva{Raw(r.Info(id)) + FakePrintkRing::kTextLen}, 65535);
       }},
      {"text without a block",
       [](FakePrintkRing& r, std::uint64_t id) {
         r.Store64(Gva{Raw(r.Descriptor(id)) + FakePrintkRing::kBegin}, 3);
         r.Store64(Gva{Raw(r.Descriptor(id)) + FakePrintkRing::kNext}, 3);
       }},
      {"block that ends before it begins",
       [](FakePrintkRing& r, std::uint64_t id) {
         const Gva begin{Raw(r.Descriptor(id)) + FakePrintkRing::kBegin};
         r.Store64(begin, r.Load64(begin) + 64);
       }},
      {"block longer than the ring",
       [](FakePrintkRing& r, std::uint64_t id) {
         const Gva next{Raw(r.Descriptor(id)) + FakePrintkRing::kNext};
         r.Store64(next, r.Load64(next) + 512);
       }},
      {"misaligned block",
       [](FakePrintkRing& r, std::uint64_t id) {
         const Gva begin{Raw(r.Descriptor(id)) + FakePrintkRing::kBegin};
         r.Store64(begin, r.Load64(begin) + 4);
       }},
      {"overwritten block",
       [](FakePrintkRing& r, std::uint64_t id) {
         const std::uint64_t begin =
             r.Load64(Gva{Raw(r.Descriptor(id)) + FakePrintkRing::kBegin}) % 256;
         r.Store64(Gva{Raw(r.Data()) + begin}, id + 1);
       }},
  };
  for (const Case& test : cases) {
    FakePrintkRing ring = SmallRing();
    ring.Append(0, "before");
    const std::uint64_t id = ring.Append(0, "damaged");
    ring.Append(0, "after");
    test.damage(ring, id);
    const auto log = Read(ring);
    EXPECT_THAT(Texts(log), ElementsAre("before", "after")) << test.name;
    EXPECT_EQ(log->lost_records, 1u) << test.name;
  }
}

TEST(KernelLog, CountsRecordsWhosePagesAreNotInTheCore) {
  FakePrintkRing ring(8, 13);                                          // two pages of text
  for (int i = 0; i < 200; ++i) ring.Append(0, std::string(24, 'x'));  // 32 bytes each
  ring.DropPage(Gva{Raw(ring.Data()) + kPageBytes});
  const auto log = Read(ring);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->records.size(), kPageBytes / 32);
  EXPECT_EQ(log->lost_records, 200 - kPageBytes / 32);
}

TEST(KernelLog, LimitsCostTheOldestRecords) {
  FakePrintkRing ring = SmallRing();
  for (const char* text : {"1", "2", "3", "4"}) ring.Append(0, text);
  const auto by_count = Read(ring, {.records = 2});
  EXPECT_THAT(Texts(by_count), ElementsAre("3", "4"));
  EXPECT_GE(by_count->lost_records, 2u);
  const auto by_text = Read(ring, {.text_bytes = 2});
  EXPECT_THAT(Texts(by_text), ElementsAre("2", "3", "4"));
}

TEST(KernelLog, RefusesHeadersThatNoKernelMakes) {
  struct Case {
    std::uint64_t offset;
    std::uint64_t value;
    const char* message;
  };
  const Case cases[] = {
      {FakePrintkRing::kCountBits, 0, "count_bits is 0"},
      {FakePrintkRing::kCountBits, 27, "count_bits is 27"},
      {FakePrintkRing::kCountBits, 0xffffffff, "count_bits is 4294967295"},
      {FakePrintkRing::kSizeBits, 3, "size_bits is 3"},
      {FakePrintkRing::kSizeBits, 32, "size_bits is 32"},
      {FakePrintkRing::kTailId, 0, "head_id - tail_id"},
  };
  for (const Case& test : cases) {
    FakePrintkRing ring = SmallRing();
    ring.Append(0, "text");
    ring.Store64(Gva{Raw(ring.Header()) + test.offset}, test.value);
    const auto log = Read(ring);
    EXPECT_EQ(log.status().code(), absl::StatusCode::kInvalidArgument) << log.status();
    EXPECT_THAT(std::string(log.status().message()), HasSubstr(test.message));
  }
}

TEST(KernelLog, SurvivesTheLargestRingsOfMissingMemory) {
  FakePrintkRing ring = SmallRing();
  ring.Append(0, "text");
  const std::uint64_t header = Raw(ring.Header());
  ring.Store32(Gva{header + FakePrintkRing::kCountBits}, 26);
  ring.Store64(Gva{header + FakePrintkRing::kTailId}, 0);
  ring.Store64(Gva{header + FakePrintkRing::kHeadId}, (1 << 26) - 1);
  ring.Store64(Gva{header + FakePrintkRing::kDescs}, 0xffff'ffff'ffff'fff0);
  const auto log = Read(ring, {.records = 1000});
  EXPECT_THAT(Texts(log), IsEmpty());
  EXPECT_EQ(log->lost_records, std::uint64_t{1} << 26);
}

TEST(KernelLog, NamesWhatVmcoreinfoLacks) {
  for (const char* key : {"SYMBOL(prb)", "SIZE(printk_ringbuffer)", "OFFSET(prb_desc_ring.infos)",
                          "OFFSET(atomic_long_t.counter)"}) {
    FakePrintkRing ring = SmallRing();
    ring.vmcoreinfo = absl::StrReplaceAll(ring.vmcoreinfo, {{key, "GONE"}});
    const auto log = Read(ring);
    EXPECT_EQ(log.status().code(), absl::StatusCode::kNotFound) << log.status();
    EXPECT_THAT(std::string(log.status().message()), HasSubstr(key));
  }
}

TEST(KernelLog, RefusesOffsetsOutsideTheirStructure) {
  struct Case {
    const char* from;
    const char* to;
  };
  const Case cases[] = {
      {"OFFSET(prb_desc.state_var)=0", "OFFSET(prb_desc.state_var)=17"},
      {"OFFSET(printk_info.text_len)=16", "OFFSET(printk_info.text_len)=18446744073709551615"},
      {"SIZE(printk_info)=88", "SIZE(printk_info)=4097"},
      {"SIZE(printk_info)=88", "SIZE(printk_info)=0"},
      {"OFFSET(printk_ringbuffer.text_data_ring)=40",
       "OFFSET(printk_ringbuffer.text_data_ring)=49"},
  };
  for (const Case& test : cases) {
    FakePrintkRing ring = SmallRing();
    ring.vmcoreinfo = absl::StrReplaceAll(ring.vmcoreinfo, {{test.from, test.to}});
    EXPECT_EQ(Read(ring).status().code(), absl::StatusCode::kInvalidArgument) << test.to;
  }
}

TEST(KernelLog, SaysWhenTheCoreHasNoVmcoreinfo) {
  FakePrintkRing ring = SmallRing();
  ring.vmcoreinfo.clear();
  const auto log = Read(ring);
  EXPECT_EQ(log.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("VMCOREINFO"));
}

TEST(KernelLog, NamesTheRingWhenItsHeaderIsNotInTheCore) {
  FakePrintkRing ring = SmallRing();
  ring.DropPage(ring.Header());
  const auto log = Read(ring);
  EXPECT_EQ(log.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("printk ring: "));
}

TEST(FormatLog, PrintsAsDmesgDoes) {
  struct Case {
    std::uint64_t time_ns;
    std::string text;
    std::string expected;
  };
  const Case cases[] = {
      {0, "boot", "[    0.000000] boot\n"},
      {1'234'567'890, "later", "[    1.234567] later\n"},
      {123'456'000'001'000, "days", "[123456.000001] days\n"},
      {18'446'744'073'709'551'615u, "max", "[18446744073.709551] max\n"},
      {0, "", "[    0.000000] \n"},
      {0, "two\nlines", "[    0.000000] two\n               lines\n"},
      {0, "tab\tbell\a", "[    0.000000] tab\tbell\\x07\n"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(FormatLog({{{0, test.time_ns, test.text}}, 0}), test.expected);
  }
}

TEST(FormatNewest, LeavesOutTheOldestThatDoNotFitOncePrintable) {
  KernelLog log{{{0, 0, "old"}, {1, 0, std::string(10, '\x01')}, {2, 0, "new"}}, 5};
  const std::string text = FormatNewest(log, 80);  // 15 + 3, and 15 + 4 * 10 with escapes
  EXPECT_EQ(text, FormatLog(log));
  EXPECT_EQ(log.records.size(), 2u);
  EXPECT_EQ(log.lost_records, 6u);
  EXPECT_EQ(log.records.front().sequence, 1u);
}

TEST(FormatNewest, GivesNothingIfNotEvenTheNewestFits) {
  KernelLog log{{{0, 0, "text"}}, 0};
  EXPECT_EQ(FormatNewest(log, 5), "");
  EXPECT_EQ(log.lost_records, 1u);
}

}  // namespace
}  // namespace marrow
