// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/vmm_backend/derive/fake_kernel.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace marrow {
namespace {

constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLargePage = 1 << 7;
constexpr std::uint64_t kLargeBytes = 2 << 20;

// Stands for "init_" in compressed names; the other bytes stand for themselves.
constexpr unsigned char kInitToken = 0x80;

template <typename T>
void Append(std::string& text, T value) {
  text.append(AsText(std::as_bytes(std::span(&value, 1))).data(), sizeof(T));
}

struct Tokens {
  std::string table;
  std::string index;
};

Tokens MakeTokens() {
  Tokens tokens;
  for (unsigned i = 0; i < 256; ++i) {
    Append(tokens.index, static_cast<std::uint16_t>(tokens.table.size()));
    tokens.table += i == kInitToken ? "init_" : std::string(i == 0 ? 0 : 1, static_cast<char>(i));
    tokens.table += '\0';
  }
  return tokens;
}

std::string Hex(std::uint64_t value) { return absl::StrFormat("%x", value); }

}  // namespace

FakeKernel::FakeKernel(SymbolEncoding encoding)
    : encoding_(encoding), memory_({{.begin = Gpa{0}, .bytes = kRamBytes}}) {
  // __START_KERNEL_map is the last but one GiB: entry 511 of the top table, 510 of the next.
  WriteValue(kTopTable + 511 * 8, (kImageGpa + kUpperTable) | kPresent);
  WriteValue(kUpperTable + 510 * 8, (kImageGpa + kMiddleTable) | kPresent);
  for (std::uint64_t i = 0; i < kImageBytes / kLargeBytes; ++i) {
    const std::uint64_t gpa = kImageGpa + i * kLargeBytes;
    WriteValue(kMiddleTable + (8 + i) * 8, gpa | kLargePage | kPresent);
  }
  Write(kUtsNs + 130, kRelease);
  vmcoreinfo = {
      {"OSRELEASE", std::string(kRelease)},
      {"SYMBOL(init_uts_ns)", Hex(Gva(kUtsNs))},
      {"OFFSET(uts_namespace.name)", "0"},
      {"SYMBOL(_stext)", Hex(Gva(0))},
      {"SYMBOL(swapper_pg_dir)", Hex(Gva(kTopTable))},
      {"NUMBER(phys_base)", absl::StrCat(static_cast<std::int64_t>(kImageGpa) - 0x100'0000)},
      {"SYMBOL(kallsyms_names)", Hex(Gva(kNames))},
      {"SYMBOL(kallsyms_num_syms)", Hex(Gva(kCount))},
      {"SYMBOL(kallsyms_token_table)", Hex(Gva(kTokenTable))},
      {"SYMBOL(kallsyms_token_index)", Hex(Gva(kTokenIndex))}};
  const char* addresses = encoding == SymbolEncoding::kAbsolute ? "SYMBOL(kallsyms_addresses)"
                                                                : "SYMBOL(kallsyms_offsets)";
  vmcoreinfo[addresses] = Hex(Gva(kOffsets));
  if (encoding == SymbolEncoding::kAbsolutePercpu || encoding == SymbolEncoding::kRelative) {
    vmcoreinfo["SYMBOL(kallsyms_relative_base)"] = Hex(Gva(kBase));
  }
  AddSymbol("_stext", Gva(0), 'T');
  AddSymbol("init_uts_ns", Gva(kUtsNs));
}

ReadPhysical FakeKernel::reader() const {
  return [this](Gpa gpa, MutableBytes out) { return memory_.Read(gpa, out); };
}

void FakeKernel::Write(std::uint64_t offset, absl::string_view bytes) {
  memory_.Write(kImageGpa + offset, bytes);
}

void FakeKernel::AddSymbol(std::string name, std::uint64_t address, char type) {
  symbols_.push_back({type + std::move(name), address});
}

std::string FakeKernel::EncodeNames() const {
  std::string all;
  for (const Symbol& symbol : symbols_) {
    std::string name = symbol.name;
    if (const std::size_t at = name.find("init_"); at != std::string::npos) {
      name.replace(at, 5, 1, static_cast<char>(kInitToken));
    }
    if (name.size() < 0x80) {
      all += static_cast<char>(name.size());
    } else {
      all += static_cast<char>(0x80 | (name.size() & 0x7f));
      all += static_cast<char>(name.size() >> 7);
    }
    all += name;
  }
  return all;
}

std::string FakeKernel::EncodeAddresses() const {
  std::string all;
  for (const Symbol& symbol : symbols_) {
    const std::uint64_t place = Gva(kOffsets) + all.size();
    switch (encoding_) {
      case SymbolEncoding::kAbsolute:
        Append(all, symbol.address);
        break;
      case SymbolEncoding::kAbsolutePercpu:
        Append(all, static_cast<std::uint32_t>(
                        symbol.address < kImage ? symbol.address : kImage - 1 - symbol.address));
        break;
      case SymbolEncoding::kRelative:
        Append(all, static_cast<std::uint32_t>(symbol.address - kImage));
        break;
      case SymbolEncoding::kPlace:
        Append(all, static_cast<std::uint32_t>(symbol.address - place));
        break;
    }
  }
  return all;
}

std::string FakeKernel::EncodeMarkers() const {
  std::string markers;
  const std::string names = EncodeNames();
  std::size_t at = 0;
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (i % 256 == 0) Append(markers, static_cast<std::uint32_t>(at));
    at += 1 + static_cast<unsigned char>(names[at]);  // no long names
  }
  return markers;
}

void FakeKernel::WriteSymbols() {
  const Tokens tokens = MakeTokens();
  Write(kTokenTable, tokens.table);
  Write(kTokenIndex, tokens.index);
  WriteValue(kCount, static_cast<std::uint32_t>(symbols_.size()));
  WriteValue(kBase, kImage);
  Write(kOffsets, EncodeAddresses());
  Write(kNames, EncodeNames());
}

void FakeKernel::WriteSymbolsUnnamed(absl::string_view before_tokens) {
  for (const char* part : {"names", "num_syms", "token_table", "token_index", "offsets"}) {
    vmcoreinfo.erase(absl::StrCat("SYMBOL(kallsyms_", part, ")"));
  }
  vmcoreinfo.erase("SYMBOL(kallsyms_relative_base)");
  std::string base, count;
  Append(base, kImage);
  Append(count, static_cast<std::uint32_t>(symbols_.size()));
  const Tokens tokens = MakeTokens();
  std::string all;
  for (const std::string& part : {EncodeAddresses(), base, count, EncodeNames(), EncodeMarkers(),
                                  std::string(before_tokens), tokens.table, tokens.index}) {
    all += part;
    all.resize((all.size() + 7) / 8 * 8);
  }
  Write(kUnnamed, all);
}

void FakeKernel::AddVariable(const std::string& name, std::uint64_t offset, std::uint64_t value) {
  AddSymbol(name, Gva(offset));
  WriteValue(offset, value);
}

void FakeKernel::AddVariables() {
  AddSymbol("_text", Gva(0), 'T');
  AddSymbol("_end", Gva(kImageBytes), 'B');
  AddSymbol("banner", Gva(kBanner));
  AddSymbol("first", Gva(kFirst));
  AddVariable("page_offset_base", kPageOffsetBase, kDirectMap);
  AddVariable("__cpu_possible_mask", kCpuMask, 0b1011);
  AddVariable("nr_cpu_ids", kCpuCount, 4);
}

void FakeKernel::AddBtf(absl::string_view btf) {
  AddSymbol("__start_BTF", Gva(kBtf));
  AddSymbol("__stop_BTF", Gva(kBtf + btf.size()));
  Write(kBtf, btf);
}

// Documentation/bpf/btf.rst.
std::string FakeKernel::TaskBtf() {
  constexpr std::uint32_t kPointer = 2u << 24, kStructOfOne = (4u << 24) | 1;
  std::string types;
  for (const std::uint32_t word : {0u, kPointer, 2u,                     // 1: pointer to 2
                                   1u, kStructOfOne, 8u, 6u, 1u, 0u}) {  // 2: task, 8 bytes, next
    Append(types, word);
  }
  const std::string strings("\0task\0next\0", 11);
  std::string btf("\x9f\xeb\x01\x00", 4);
  const auto types_bytes = static_cast<std::uint32_t>(types.size());
  const auto strings_bytes = static_cast<std::uint32_t>(strings.size());
  for (const std::uint32_t word : {24u, 0u, types_bytes, types_bytes, strings_bytes}) {
    Append(btf, word);
  }
  return btf + types + strings;
}

std::string FakeKernel::VmcoreinfoText() const {
  std::string text, rest;  // a kernel's text begins with its release
  for (const auto& [key, value] : vmcoreinfo) {
    absl::StrAppend(key == "OSRELEASE" ? &text : &rest, key, "=", value, "\n");
  }
  return text + rest;
}

}  // namespace marrow
