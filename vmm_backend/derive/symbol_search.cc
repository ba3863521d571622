// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/symbol_search.h"

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"

namespace marrow {
namespace {

constexpr std::size_t kTokens = 256;
constexpr std::size_t kMostTokenBytes = 128;
constexpr std::uint64_t kAlign = 8;  // of each part: ALGN of scripts/kallsyms.c
constexpr std::size_t kSymbolsPerMarker = 256;
constexpr std::uint64_t kMostImageBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kFewestSymbols = 1024;
constexpr std::uint64_t kMostSymbols = 1'000'000;
constexpr std::uint64_t kMostSteps = std::uint64_t{32}
                                     << 20;    // of one search, all guesses together
constexpr std::uint64_t kStepsPerTime = 4096;  // between two looks at the time
constexpr int kMostGuesses = 64;

// Every kernel has symbols with each of the digits, so that each stands for itself.
constexpr std::string_view kDigits("0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0", 20);
constexpr int kTokensBeforeDigits = '0';

constexpr std::uint64_t AlignUp(std::uint64_t value) {
  return (value + kAlign - 1) & ~(kAlign - 1);
}

// The kernel's image from `gva` on; what is not mapped reads as zeros.
struct Image {
  std::uint64_t gva = 0;
  std::string bytes;

  template <typename T>
  T Load(std::size_t offset) const {
    return LoadAt<T>(AsBytes(bytes), offset);
  }
};

Image ReadImage(const profile::KernelMemory& memory, std::uint64_t begin, std::uint64_t bytes) {
  Image image{.gva = PageDown(begin), .bytes = std::string(PageDown(bytes), '\0')};
  const auto out = std::as_writable_bytes(std::span(image.bytes));
  for (std::uint64_t at = 0; at < out.size(); at += kPageBytes) {
    (void)memory.Read(image.gva + at, out.subspan(at, kPageBytes));
  }
  return image;
}

// Where the token that ends before `end`, a token's start, begins.
std::optional<std::size_t> TokenBefore(const std::string& bytes, std::size_t end) {
  for (std::size_t length = 1; length <= kMostTokenBytes && end > length; ++length) {
    if (bytes[end - length - 1] == '\0') return end - length;
  }
  return std::nullopt;
}

// Whether 256 tokens begin at `table`, and an index that agrees with them behind.
bool IsTokenTable(const Image& image, std::size_t table, SymbolTables& tables) {
  std::array<std::uint16_t, kTokens> index;
  std::size_t at = table;
  for (std::uint16_t& token : index) {
    token = static_cast<std::uint16_t>(at - table);
    const std::size_t length = std::string_view(image.bytes).substr(at, kMostTokenBytes).find('\0');
    if (length == std::string_view::npos) return false;
    at += length + 1;
  }
  at = AlignUp(at);
  if (at + sizeof(index) > image.bytes.size() ||
      std::memcmp(image.bytes.data() + at, index.data(), sizeof(index)) != 0) {
    return false;
  }
  tables.token_table = image.gva + table;
  tables.token_index = image.gva + at;
  return true;
}

// The start of the token table around the digits.
std::optional<std::size_t> FindTokens(const Image& image, std::size_t digits,
                                      SymbolTables& tables) {
  std::size_t second = digits;
  for (int i = 1; i < kTokensBeforeDigits; ++i) {
    const auto before = TokenBefore(image.bytes, second);
    if (!before) return std::nullopt;
    second = *before;
  }
  // What lies before the first token need not end in a zero byte, but the token is aligned.
  std::size_t table = (second - 1) & ~(kAlign - 1);
  for (std::size_t i = 0; i < kMostTokenBytes / kAlign && table >= kAlign; ++i, table -= kAlign) {
    if (IsTokenTable(image, table, tables)) return table;
  }
  return std::nullopt;
}

// What is left of a search.
class Budget {
 public:
  explicit Budget(const std::function<bool()>& expired)
      : steps_(expired && expired() ? 0 : kMostSteps), expired_(expired) {}

  // A name or a place that is looked at.
  bool Take() {
    if (steps_ == 0) return false;
    --steps_;
    if (steps_ % kStepsPerTime == 0 && expired_ && expired_()) steps_ = 0;
    return true;
  }

 private:
  std::uint64_t steps_;
  const std::function<bool()>& expired_;
};

// Whether `count` names begin at `names`, with the offset of every 256th behind them.
bool AreNames(const Image& image, std::size_t names, std::uint64_t count, std::size_t end,
              Budget& budget) {
  std::size_t at = names;
  std::size_t second_marker = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i == kSymbolsPerMarker) second_marker = at - names;
    if (at + 2 > end || !budget.Take()) return false;
    std::size_t length = image.Load<std::uint8_t>(at++);
    // Since 6.1 a second byte has the bits from 7 on.
    if (length >= 0x80) length = (length & 0x7f) | std::size_t{image.Load<std::uint8_t>(at++)} << 7;
    if (length == 0) return false;
    at += length;
  }
  at = AlignUp(at);
  return at + 8 <= end && image.Load<std::uint32_t>(at) == 0 &&
         image.Load<std::uint32_t>(at + 4) == second_marker;
}

// The base of the offsets, the count and the names lie before the token table, in this order, and
// the offsets before the base.
bool FindNames(const Image& image, std::size_t table, Budget& budget, SymbolTables& tables) {
  for (std::size_t base = table; base >= kAlign && budget.Take();) {
    base -= kAlign;
    if (base + 16 > table || image.Load<std::uint64_t>(base) - image.gva >= kMostImageBytes)
      continue;
    const auto count = image.Load<std::uint64_t>(base + 8);  // of 32 bits, filled up with zeros
    const std::uint64_t offsets_bytes = AlignUp(count * sizeof(std::int32_t));
    if (count < kFewestSymbols || count > kMostSymbols || offsets_bytes > base) continue;
    if (!AreNames(image, base + 16, count, table, budget)) continue;
    tables.names = image.gva + base + 16;
    tables.count = image.gva + base + 8;
    tables.base = image.gva + base;
    tables.offsets = image.gva + base - offsets_bytes;
    return true;
  }
  return false;
}

}  // namespace

std::optional<SymbolTables> NamedSymbolTables(const profile::Vmcoreinfo& vmcoreinfo) {
  const auto names = vmcoreinfo.Symbol("kallsyms_names");
  const auto count = vmcoreinfo.Symbol("kallsyms_num_syms");
  const auto token_table = vmcoreinfo.Symbol("kallsyms_token_table");
  const auto token_index = vmcoreinfo.Symbol("kallsyms_token_index");
  if (!names || !count || !token_table || !token_index) return std::nullopt;
  return SymbolTables{.names = *names,
                      .count = *count,
                      .token_table = *token_table,
                      .token_index = *token_index,
                      .addresses = vmcoreinfo.Symbol("kallsyms_addresses"),
                      .offsets = vmcoreinfo.Symbol("kallsyms_offsets"),
                      .base = vmcoreinfo.Symbol("kallsyms_relative_base")};
}

std::optional<SymbolTables> SearchSymbolTables(const profile::KernelMemory& memory,
                                               const profile::Vmcoreinfo& vmcoreinfo,
                                               std::uint64_t searched_bytes,
                                               const std::function<bool()>& expired) {
  const auto begin = vmcoreinfo.Symbol("_stext");
  if (!begin || !CheckedAdd(*begin, searched_bytes)) return std::nullopt;
  const Image image = ReadImage(memory, *begin, searched_bytes);
  Budget budget(expired);
  std::size_t digits = image.bytes.find(kDigits);
  for (int i = 0; i < kMostGuesses && digits != std::string::npos; ++i) {
    SymbolTables tables;
    const auto table = FindTokens(image, digits, tables);
    if (table && FindNames(image, *table, budget, tables)) return tables;
    digits = image.bytes.find(kDigits, digits + 1);
  }
  return std::nullopt;
}

}  // namespace marrow
