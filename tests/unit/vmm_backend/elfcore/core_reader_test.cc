// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/elfcore/core_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "vmm_backend/elfcore/core_writer.h"
#include "vmm_backend/elfcore/elf_format.h"

namespace marrow {
namespace {

using testing::HasSubstr;

// Page i is filled with the letter 'a' + i.
std::string MakeCore(CoreContent content) {
  const auto layout = LayOutCore(std::move(content));
  EXPECT_TRUE(layout.ok()) << layout.status();
  StringSink sink;
  std::string page;
  const auto bytes = [&page](std::size_t i) {
    page.assign(kPageBytes, static_cast<char>('a' + i));
    return AsBytes(page);
  };
  EXPECT_TRUE(WriteCore(*layout, bytes, sink).ok());
  return sink.text;
}

CoreContent ThreePages() {
  return {.direct_map = 0xffff'8880'0000'0000,
          .pages = {Gpa{0x1000}, Gpa{0x2000}, Gpa{0x5000}},
          .aliases = {{Gva{0xffff'ffff'8100'0000}, Gpa{0x2000}, 0x1000}},
          .notes = {{"CORE", 1, "regs"}, {"VMCOREINFO", 0, "OSRELEASE=6.1\n"}, {"MARROW", 1, ""}}};
}

std::string Read(const CoreReader& core, Gpa gpa, std::size_t count) {
  std::string out(count, '?');
  const absl::Status status = core.ReadPhysical(gpa, std::as_writable_bytes(std::span(out)));
  return status.ok() ? out : std::string(status.message());
}

std::string Read(const CoreReader& core, Gva gva, std::size_t count) {
  std::string out(count, '?');
  const absl::Status status = core.ReadVirtual(gva, std::as_writable_bytes(std::span(out)));
  return status.ok() ? out : std::string(status.message());
}

TEST(CoreReader, ReadsWhatTheWriterWrote) {
  const std::string file = MakeCore(ThreePages());
  const SpanSource source(AsBytes(file));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_EQ(core->machine(), EM_X86_64);
  EXPECT_EQ(core->segments().size(), 3u);
  EXPECT_EQ(core->vmcoreinfo().release(), "6.1");
  ASSERT_EQ(core->notes().size(), 3u);
  EXPECT_EQ(core->FindNote("CORE", 1)->descriptor, "regs");
  EXPECT_EQ(core->FindNote("CORE", 2), nullptr);
  EXPECT_EQ(Read(*core, Gpa{0x1fff}, 2), "ab");
  EXPECT_EQ(Read(*core, Gva{0xffff'8880'0000'5000}, 1), "c");
  EXPECT_EQ(Read(*core, Gva{0xffff'ffff'8100'0fff}, 1), "b");
}

TEST(CoreReader, FindsAddressesBehindAShorterAlias) {
  const std::string file = MakeCore({.pages = {Gpa{0x1000}, Gpa{0x2000}, Gpa{0x3000}},
                                     .aliases = {{Gva{0xa000}, Gpa{0x2000}, 0x1000}}});
  const SpanSource source(AsBytes(file));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_EQ(Read(*core, Gpa{0x3000}, 1), "c");
}

TEST(CoreReader, NamesTheFirstAddressThatIsMissing) {
  const std::string file = MakeCore(ThreePages());
  const SpanSource source(AsBytes(file));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_THAT(Read(*core, Gpa{0x2ffe}, 4), HasSubstr("gpa 0x3000 is not in the core"));
  EXPECT_THAT(Read(*core, Gva{0x10}, 1), HasSubstr("gva 0x10 is not in the core"));
  EXPECT_THAT(Read(*core, Gpa{~std::uint64_t{0}}, 2), HasSubstr("is not in the core"));
}

TEST(CoreReader, TranslatesThroughCapturedPageTables) {
  // One walk: top 0x2000[1] -> 0x3000[2] -> 0x4000[3] -> 0x5000[4] -> page 0x6000.
  const std::uint64_t entries[] = {0x3001, 0x4001, 0x5001, 0x6001};
  CoreContent content{.pages = {Gpa{0x2000}, Gpa{0x3000}, Gpa{0x4000}, Gpa{0x5000}, Gpa{0x6000}},
                      .notes = {{"VMCOREINFO", 0,
                                 "SYMBOL(swapper_pg_dir)=ffffffff80001000\n"
                                 "NUMBER(phys_base)=4096\n"}}};
  const auto layout = LayOutCore(std::move(content));
  ASSERT_TRUE(layout.ok());
  StringSink sink;
  std::string page;
  const auto bytes = [&](std::size_t i) {
    page.assign(kPageBytes, i == 4 ? 'x' : '\0');
    if (i < 4) StoreAt(std::as_writable_bytes(std::span(page)), (i + 1) * 8, entries[i]);
    return AsBytes(page);
  };
  ASSERT_TRUE(WriteCore(*layout, bytes, sink).ok());
  const SpanSource source(AsBytes(sink.text));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  constexpr std::uint64_t kGva = (1ull << 39) | (2ull << 30) | (3ull << 21) | (4ull << 12);
  EXPECT_EQ(Read(*core, Gva{kGva}, 4), "xxxx");
  EXPECT_THAT(Read(*core, Gva{kGva + kPageBytes}, 1), HasSubstr("not mapped"));
}

TEST(CoreReader, ReadsElidedBytesAsZero) {
  std::string file = MakeCore({.pages = {Gpa{0x1000}}});
  const auto file_bytes = std::as_writable_bytes(std::span(file));
  auto load = LoadAt<Elf64_Phdr>(file_bytes, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr));
  load.p_filesz = 1;
  StoreAt(file_bytes, sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), load);
  const SpanSource source(AsBytes(file));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  EXPECT_EQ(Read(*core, Gpa{0x1000}, 3), std::string("a\0\0", 3));
}

struct Damage {
  const char* says;
  std::function<void(Elf64_Ehdr&, Elf64_Phdr& note, Elf64_Phdr& load)> apply;
};

TEST(CoreReader, RefusesDamagedHeaders) {
  const Damage cases[] = {
      {"no ELF magic", [](auto& e, auto&, auto&) { e.e_ident[0] = 0; }},
      {"little-endian 64-bit", [](auto& e, auto&, auto&) { e.e_ident[EI_CLASS] = ELFCLASS32; }},
      {"not ET_CORE", [](auto& e, auto&, auto&) { e.e_type = ET_EXEC; }},
      {"program headers of 55", [](auto& e, auto&, auto&) { e.e_phentsize = 55; }},
      {"past the end", [](auto& e, auto&, auto&) { e.e_phoff = ~0ull; }},
      {"past the end", [](auto& e, auto&, auto&) { e.e_phnum = 60000; }},
      {"PN_XNUM", [](auto& e, auto&, auto&) { e.e_phnum = PN_XNUM, e.e_shoff = ~0ull; }},
      {"past the end", [](auto&, auto& n, auto&) { n.p_filesz = ~0ull; }},
      {"past the end", [](auto&, auto&, auto& l) { l.p_offset = ~0ull; }},
      {"more bytes in the file", [](auto&, auto&, auto& l) { l.p_memsz = 1; }},
      {"wraps", [](auto&, auto&, auto& l) { l.p_vaddr = ~0ull; }},
      {"wraps", [](auto&, auto&, auto& l) { l.p_memsz = ~0ull; }},
      {"cut off", [](auto&, auto& n, auto&) { n.p_filesz -= 4; }},
  };
  for (const Damage& damage : cases) {
    std::string file = MakeCore(ThreePages());
    const auto bytes = std::as_writable_bytes(std::span(file));
    auto header = LoadAt<Elf64_Ehdr>(bytes, 0);
    auto note = LoadAt<Elf64_Phdr>(bytes, 64);
    auto load = LoadAt<Elf64_Phdr>(bytes, 64 + sizeof(Elf64_Phdr));
    damage.apply(header, note, load);
    StoreAt(bytes, 0, header);
    StoreAt(bytes, 64, note);
    StoreAt(bytes, 64 + sizeof(Elf64_Phdr), load);
    const SpanSource source(AsBytes(file));
    const absl::Status status = CoreReader::Open(source).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << damage.says;
    EXPECT_THAT(std::string(status.message()), HasSubstr(damage.says));
  }
}

TEST(CoreReader, KeepsToItsLimits) {
  const std::string file = MakeCore(ThreePages());
  const SpanSource source(AsBytes(file));
  EXPECT_THAT(std::string(CoreReader::Open(source, {.segments = 3}).status().message()),
              HasSubstr("at most 3"));
  EXPECT_THAT(std::string(CoreReader::Open(source, {.note_bytes = 8}).status().message()),
              HasSubstr("more than 8 bytes of notes"));
}

TEST(CoreReader, RefusesEveryTruncation) {
  const std::string file = MakeCore({.pages = {Gpa{0x1000}}, .notes = {{"MARROW", 1, "m"}}});
  for (std::size_t size = 0; size < file.size(); size += 7) {
    const SpanSource source(AsBytes(absl::string_view(file).substr(0, size)));
    EXPECT_FALSE(CoreReader::Open(source).ok()) << size;
  }
}

TEST(CoreReader, ReadsZeroPagesAsZeros) {
  const auto layout = LayOutCore({.direct_map = 0x10'0000,
                                  .pages = {Gpa{0x1000}},
                                  .zero_pages = {Gpa{0x2000}},
                                  .aliases = {{Gva{0xa000}, Gpa{0x1000}, 0x2000}}});
  ASSERT_TRUE(layout.ok()) << layout.status();
  StringSink sink;
  const std::string page(kPageBytes, 'p');
  ASSERT_TRUE(WriteCore(
                  *layout, [&](std::size_t) { return AsBytes(page); }, sink)
                  .ok());
  const SpanSource source(AsBytes(sink.text));
  const auto core = CoreReader::Open(source);
  ASSERT_TRUE(core.ok()) << core.status();
  std::string bytes(4, '?');
  const auto out = std::as_writable_bytes(std::span(bytes));
  for (const std::uint64_t gva : {0x10'1ffe, 0xaffe}) {
    ASSERT_TRUE(core->ReadVirtual(Gva{gva}, out).ok());
    EXPECT_EQ(bytes, absl::string_view("pp\0\0", 4));
  }
  ASSERT_TRUE(core->ReadPhysical(Gpa{0x1ffe}, out).ok());
  EXPECT_EQ(bytes, absl::string_view("pp\0\0", 4));
  EXPECT_TRUE(absl::IsNotFound(core->ReadPhysical(Gpa{0x3000}, out)));
}

}  // namespace
}  // namespace marrow
