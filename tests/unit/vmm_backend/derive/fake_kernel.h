// SPDX-License-Identifier: Apache-2.0
// A dead kernel in memory: page tables, the image with its symbol table, and its VMCOREINFO.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/fakes/fake_vm.h"
#include "vmm_backend/derive/kernel_space.h"

namespace marrow {

enum class SymbolEncoding { kAbsolute, kAbsolutePercpu, kRelative, kPlace };

// What lies in the image is kept by offset from its start, which is also its gpa.
class FakeKernel {
 public:
  static constexpr std::uint64_t kImage = 0xffff'ffff'8100'0000;
  static constexpr std::uint64_t kImageBytes = 8 << 20;
  static constexpr std::uint64_t kImageGpa = 0x60'0000;
  static constexpr std::uint64_t kRamBytes = 64 << 20;
  static constexpr absl::string_view kRelease = "6.1.0-fake";

  // Offsets in the image.
  static constexpr std::uint64_t kUtsNs = 0x1000, kTopTable = 0x2000, kUpperTable = 0x3000,
                                 kMiddleTable = 0x4000, kTokenTable = 0x8000, kTokenIndex = 0xa000,
                                 kCount = 0xb000, kBase = 0xb008, kOffsets = 0xc000,
                                 kNames = 0x10000, kBanner = 0x20100, kFirst = 0x20200,
                                 kPageOffsetBase = 0x20300, kCpuMask = 0x20400, kCpuCount = 0x20500,
                                 kBtf = 0x30000, kUnnamed = 0x100000;
  static constexpr std::uint64_t kDirectMap = 0xffff'8880'0000'0000;

  explicit FakeKernel(SymbolEncoding encoding = SymbolEncoding::kAbsolutePercpu);

  FakeGuestMemory& memory() { return memory_; }
  const RamMap& ram() const { return memory_.ram(); }
  ReadPhysical reader() const;
  static std::uint64_t Gva(std::uint64_t offset) { return kImage + offset; }

  // Writes into the image.
  void Write(std::uint64_t offset, absl::string_view bytes);
  template <typename T>
  void WriteValue(std::uint64_t offset, T value) {
    Write(offset, AsText(std::as_bytes(std::span(&value, 1))));
  }
  // A symbol of the table; its address need not be in the image. Call WriteSymbols at the end.
  void AddSymbol(std::string name, std::uint64_t address, char type = 'D');
  void WriteSymbols();
  // As WriteSymbols, but where VMCOREINFO does not say it: all parts in the order in which kernels
  // before 6.4 have them, and with `before_tokens` before the tokens.
  void WriteSymbolsUnnamed(absl::string_view before_tokens);
  // Symbols and content of what a view is made from, of a `banner`, and of a pointer `first`.
  void AddVariables();
  void AddBtf(absl::string_view btf);
  // struct task { struct task *next; }
  static std::string TaskBtf();

  // VMCOREINFO's lines.
  std::map<std::string, std::string> vmcoreinfo;
  std::string VmcoreinfoText() const;

 private:
  void AddVariable(const std::string& name, std::uint64_t offset, std::uint64_t value);
  std::string EncodeNames() const;
  std::string EncodeAddresses() const;
  std::string EncodeMarkers() const;

  SymbolEncoding encoding_;
  FakeGuestMemory memory_;
  struct Symbol {
    std::string name;  // with its type letter
    std::uint64_t address = 0;
  };
  std::vector<Symbol> symbols_;
};

}  // namespace marrow
