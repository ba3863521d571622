// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/kernel_symbols.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/vmm_backend/derive/fake_kernel.h"

namespace marrow {
namespace {

using testing::HasSubstr;

absl::StatusOr<profile::Kallsyms> Read(const FakeKernel& kernel, SymbolLimits limits = {}) {
  const auto info = profile::Vmcoreinfo::Parse(kernel.VmcoreinfoText());
  const KernelSpace space(kernel.reader(),
                          {.table = Gpa{FakeKernel::kImageGpa + FakeKernel::kTopTable}});
  return ReadKernelSymbols(space, info, limits);
}

TEST(KernelSymbols, AreReadInEveryEncoding) {
  for (const auto encoding : {SymbolEncoding::kAbsolute, SymbolEncoding::kAbsolutePercpu,
                              SymbolEncoding::kRelative, SymbolEncoding::kPlace}) {
    FakeKernel kernel(encoding);
    kernel.AddSymbol("init_task", FakeKernel::Gva(0x20000));
    kernel.WriteSymbols();
    const auto symbols = Read(kernel);
    ASSERT_TRUE(symbols.ok()) << symbols.status();
    EXPECT_EQ(symbols->Find("init_task"), FakeKernel::Gva(0x20000));
    EXPECT_EQ(symbols->Find("init_uts_ns"), FakeKernel::Gva(FakeKernel::kUtsNs));
    EXPECT_EQ(symbols->size(), 3u);
  }
}

TEST(KernelSymbols, KeepPercpuOffsetsAsTheyAre) {
  FakeKernel kernel;
  kernel.AddSymbol("runqueues", 0x2f5c0);
  kernel.WriteSymbols();
  EXPECT_EQ(Read(kernel)->Find("runqueues"), 0x2f5c0u);
}

TEST(KernelSymbols, HaveNamesOfTwoLengthBytes) {
  FakeKernel kernel;
  const std::string name(300, 'x');
  kernel.AddSymbol(name, FakeKernel::Gva(0x30000));
  kernel.AddSymbol("after", FakeKernel::Gva(0x30010));
  kernel.WriteSymbols();
  EXPECT_EQ(Read(kernel)->Find(name), FakeKernel::Gva(0x30000));
  EXPECT_EQ(Read(kernel)->Find("after"), FakeKernel::Gva(0x30010));
}

// More than four markers' worth.
void AddManySymbols(FakeKernel& kernel) {
  for (std::uint64_t i = 0; i < 1100; ++i) {
    kernel.AddSymbol("symbol_" + std::to_string(i), FakeKernel::Gva(0x200000 + i));
  }
}

TEST(KernelSymbols, AreSearchedForWhereVmcoreinfoDoesNotNameThem) {
  // What 6.2 and some stable kernels have before the tokens may end in any byte.
  for (const std::string& before :
       {std::string(), std::string(3 * 1102, 'x'), std::string(8, 'x')}) {
    FakeKernel kernel;
    AddManySymbols(kernel);
    kernel.WriteSymbolsUnnamed(before);
    const auto symbols = Read(kernel);
    ASSERT_TRUE(symbols.ok()) << symbols.status();
    EXPECT_EQ(symbols->size(), 1102u);
    EXPECT_EQ(symbols->Find("symbol_1099"), FakeKernel::Gva(0x200000 + 1099));
  }
}

TEST(KernelSymbols, AreNotFoundWhereTheirPartsDoNotFit) {
  FakeKernel kernel;
  AddManySymbols(kernel);
  kernel.WriteSymbolsUnnamed("");
  kernel.WriteValue(FakeKernel::kUnnamed + 1102 * 4 + 8, std::uint32_t{1103});
  EXPECT_EQ(Read(kernel).status().code(), absl::StatusCode::kNotFound);
  kernel.vmcoreinfo.erase("SYMBOL(_stext)");
  EXPECT_EQ(Read(kernel).status().code(), absl::StatusCode::kNotFound);
}

TEST(KernelSymbols, AreNotFoundWithoutATokenTable) {
  FakeKernel kernel;
  kernel.WriteSymbols();
  kernel.vmcoreinfo.erase("SYMBOL(kallsyms_names)");
  EXPECT_EQ(Read(kernel).status().code(), absl::StatusCode::kNotFound);
}

TEST(KernelSymbols, MustAgreeWithVmcoreinfo) {
  FakeKernel kernel;
  kernel.WriteSymbols();
  kernel.vmcoreinfo["SYMBOL(_stext)"] = "ffffffff81000010";
  EXPECT_THAT(std::string(Read(kernel).status().message()), HasSubstr("do not agree"));
}

TEST(KernelSymbols, AreRefusedOverTheLimits) {
  FakeKernel kernel;
  kernel.WriteSymbols();
  EXPECT_TRUE(Read(kernel, {.symbols = 2}).ok());
  EXPECT_THAT(std::string(Read(kernel, {.symbols = 1}).status().message()), HasSubstr("2 symbols"));
  EXPECT_TRUE(Read(kernel, {.names_bytes = 19}).ok());  // "T_stext" and "Dinit_uts_ns"
  EXPECT_THAT(std::string(Read(kernel, {.names_bytes = 18}).status().message()),
              HasSubstr("more than 18 bytes"));
}

struct Forgery {
  const char* name;
  std::function<void(FakeKernel&)> forge;
  const char* error;
};

class ForgedSymbols : public testing::TestWithParam<Forgery> {};

TEST_P(ForgedSymbols, AreRefused) {
  FakeKernel kernel;
  kernel.WriteSymbols();
  GetParam().forge(kernel);
  EXPECT_THAT(std::string(Read(kernel).status().message()), HasSubstr(GetParam().error));
}

const char kEndOfImage[] = "ffffffff817ffff0";  // 16 bytes before nothing is mapped

INSTANTIATE_TEST_SUITE_P(
    All, ForgedSymbols,
    testing::Values(
        Forgery{"NoSymbols", [](FakeKernel& k) { k.WriteValue(FakeKernel::kCount, 0u); },
                "0 symbols"},
        Forgery{"AllTheSymbols", [](FakeKernel& k) { k.WriteValue(FakeKernel::kCount, ~0u); },
                "4294967295 symbols"},
        Forgery{"MoreSymbolsThanNames",
                [](FakeKernel& k) { k.WriteValue(FakeKernel::kCount, 1000u); }, "name 2 is empty"},
        Forgery{"NamesThatRunOutOfMemory",
                [](FakeKernel& k) {
                  k.vmcoreinfo["SYMBOL(kallsyms_names)"] = kEndOfImage;
                  k.WriteValue(FakeKernel::kImageBytes - 16, char{100});
                },
                "ends in name 0"},
        Forgery{"NamesNowhere",
                [](FakeKernel& k) { k.vmcoreinfo["SYMBOL(kallsyms_names)"] = "10"; },
                "ends before name 0"},
        Forgery{"AnEndlessName",
                [](FakeKernel& k) {
                  k.Write(FakeKernel::kNames, "\xff\xff" + std::string(40000, 'x'));
                },
                "longer than 512"},
        Forgery{"TokensOfGreatLength",
                [](FakeKernel& k) { k.Write(FakeKernel::kTokenTable, std::string(0x2000, 'y')); },
                "longer than 512"},
        Forgery{"ATokenBehindTheTable",
                [](FakeKernel& k) {
                  k.WriteValue(FakeKernel::kTokenIndex + 2, std::uint16_t{0xfff0});
                  k.vmcoreinfo["SYMBOL(kallsyms_token_table)"] = kEndOfImage;
                },
                "has no end"},
        Forgery{"NoTokenIndex",
                [](FakeKernel& k) { k.vmcoreinfo["SYMBOL(kallsyms_token_index)"] = "0"; },
                "token_index cannot be read"},
        Forgery{
            "OffsetsPastTheImage",
            [](FakeKernel& k) { k.vmcoreinfo["SYMBOL(kallsyms_offsets)"] = "ffffffff817ffffc"; },
            "offsets cannot be read"},
        Forgery{"NoAddresses",
                [](FakeKernel& k) { k.vmcoreinfo.erase("SYMBOL(kallsyms_offsets)"); }, "neither"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace marrow
