// SPDX-License-Identifier: Apache-2.0
#include "vmm_backend/derive/kernel_symbols.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "vmm_backend/base/address.h"
#include "vmm_backend/base/bytes.h"
#include "vmm_backend/derive/symbol_search.h"

namespace marrow {
namespace {

constexpr std::size_t kTokens = 256;
// Tokens are short strings that a 16-bit index reaches.
constexpr std::size_t kMostTokenBytes = 65536 + 4096;
// KSYM_NAME_LEN, since 6.1; with the type letter and the final zero byte it has room for both.
constexpr std::size_t kMostNameBytes = 512;
constexpr std::uint64_t kNamesPerTime = 256;  // read between two looks at the time

absl::Status Misfit(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the kernel's symbol table: ", what));
}

// Bytes from `gva` on, in order, each page read once.
class Stream {
 public:
  Stream(const profile::KernelMemory& memory, std::uint64_t gva) : memory_(memory), gva_(gva) {}

  std::optional<std::uint8_t> Next() {
    if (at_ == filled_ && !Fill()) return std::nullopt;
    return std::to_integer<std::uint8_t>(page_[at_++]);
  }

 private:
  bool Fill() {
    filled_ = kPageBytes - gva_ % kPageBytes;
    at_ = 0;
    const bool read = memory_.Read(gva_, std::span(page_).first(filled_));
    gva_ += filled_;
    if (!read) filled_ = 0;
    return read;
  }

  const profile::KernelMemory& memory_;
  std::uint64_t gva_;
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
  std::array<std::byte, kPageBytes> page_;
};

// What the bytes of compressed names stand for.
struct TokenTable {
  std::string text;
  std::array<std::string_view, kTokens> tokens;
};

absl::Status ReadTokens(const profile::KernelMemory& memory, std::uint64_t table_gva,
                        std::uint64_t index_gva, TokenTable& table) {
  std::array<std::uint16_t, kTokens> index{};
  if (!memory.Read(index_gva, std::as_writable_bytes(std::span(index)))) {
    return Misfit("kallsyms_token_index cannot be read");
  }
  // The table's length stands nowhere: as far as the last token ends.
  const std::size_t last = *std::max_element(index.begin(), index.end());
  Stream stream(memory, table_gva);
  while (table.text.size() < kMostTokenBytes) {
    const auto byte = stream.Next();
    if (!byte) break;
    table.text += static_cast<char>(*byte);
    if (*byte == 0 && table.text.size() > last) break;
  }
  for (std::size_t i = 0; i < kTokens; ++i) {
    const std::size_t end =
        index[i] < table.text.size() ? table.text.find('\0', index[i]) : std::string::npos;
    if (end == std::string::npos) {
      return Misfit(absl::StrCat("token ", i, " has no end in kallsyms_token_table"));
    }
    table.tokens[i] = std::string_view(table.text).substr(index[i], end - index[i]);
  }
  return absl::OkStatus();
}

// All names expanded, type letter first, each with its end in `ends`.
struct Names {
  std::string text;
  std::vector<std::size_t> ends;

  // Without the type letter.
  std::string_view Name(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(text).substr(begin + 1, ends[i] - begin - 1);
  }
};

// One length byte; if its highest bit is set the next byte has the bits from 7 on (since 6.1).
std::optional<std::size_t> NextLength(Stream& stream) {
  const auto low = stream.Next();
  if (!low || *low < 0x80) return low;
  const auto high = stream.Next();
  if (!high) return std::nullopt;
  return (*low & 0x7fu) | (std::size_t{*high} << 7);
}

absl::StatusOr<Names> ReadNames(const profile::KernelMemory& memory, std::uint64_t gva,
                                std::uint64_t count, const TokenTable& table,
                                const SymbolLimits& limits) {
  Names names;
  Stream stream(memory, gva);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i % kNamesPerTime == 0 && limits.expired && limits.expired()) {
      return Misfit("the time for it was over");
    }
    const auto length = NextLength(stream);
    if (!length) return Misfit(absl::StrCat("kallsyms_names ends before name ", i));
    const std::size_t begin = names.text.size();
    for (std::size_t k = 0; k < *length; ++k) {
      const auto byte = stream.Next();
      if (!byte) return Misfit(absl::StrCat("kallsyms_names ends in name ", i));
      names.text += table.tokens[*byte];
      if (names.text.size() - begin > kMostNameBytes) {
        return Misfit(absl::StrCat("name ", i, " is longer than ", kMostNameBytes, " bytes"));
      }
    }
    if (names.text.size() - begin < 2) return Misfit(absl::StrCat("name ", i, " is empty"));
    if (names.text.size() > limits.names_bytes) {
      return Misfit(absl::StrCat("names of more than ", limits.names_bytes, " bytes"));
    }
    names.ends.push_back(names.text.size());
  }
  return names;
}

// How a kernel writes symbol addresses, which depends on its version and configuration.
enum class Encoding {
  kAbsolute,        // kallsyms_addresses: the addresses themselves
  kAbsolutePercpu,  // offset >= 0: the value itself, else base - 1 - offset
  kRelative,        // base + unsigned offset: without CONFIG_KALLSYMS_ABSOLUTE_PERCPU
  kPlace,           // the entry's own address + offset: kernels without kallsyms_relative_base
};

struct Addresses {
  std::vector<std::uint64_t> words;   // kAbsolute
  std::vector<std::int32_t> offsets;  // the others
  std::uint64_t offsets_gva = 0;
  std::uint64_t base = 0;

  std::uint64_t Get(Encoding encoding, std::size_t i) const {
    if (encoding == Encoding::kAbsolute) return words[i];
    const auto offset = static_cast<std::uint64_t>(std::int64_t{offsets[i]});
    if (encoding == Encoding::kRelative) return base + static_cast<std::uint32_t>(offsets[i]);
    if (encoding == Encoding::kPlace) return offsets_gva + i * sizeof(std::int32_t) + offset;
    return offsets[i] >= 0 ? offset : base - 1 - offset;
  }
};

absl::StatusOr<std::vector<Encoding>> ReadAddresses(const profile::KernelMemory& memory,
                                                    const SymbolTables& tables, std::size_t count,
                                                    Addresses& addresses) {
  if (tables.addresses) {
    addresses.words.resize(count);
    if (!memory.Read(*tables.addresses, std::as_writable_bytes(std::span(addresses.words)))) {
      return Misfit("kallsyms_addresses cannot be read");
    }
    return std::vector<Encoding>{Encoding::kAbsolute};
  }
  if (!tables.offsets) {
    return Misfit("VMCOREINFO names neither kallsyms_offsets nor kallsyms_addresses");
  }
  addresses.offsets_gva = *tables.offsets;
  addresses.offsets.resize(count);
  if (!memory.Read(*tables.offsets, std::as_writable_bytes(std::span(addresses.offsets)))) {
    return Misfit("kallsyms_offsets cannot be read");
  }
  if (!tables.base) return std::vector<Encoding>{Encoding::kPlace};
  if (!memory.Read(*tables.base, std::as_writable_bytes(std::span(&addresses.base, 1)))) {
    return Misfit("kallsyms_relative_base cannot be read");
  }
  return std::vector<Encoding>{Encoding::kAbsolutePercpu, Encoding::kRelative};
}

// Symbols that VMCOREINFO has as well tell which encoding it is, and that the table is the
// kernel's.
bool Agrees(const profile::Vmcoreinfo& vmcoreinfo, const Names& names, const Addresses& addresses,
            Encoding encoding) {
  constexpr std::array<std::string_view, 3> kKnown = {"_stext", "init_uts_ns", "prb"};
  std::size_t agreeing = 0;
  for (std::size_t i = 0; i < names.ends.size(); ++i) {
    const std::string_view name = names.Name(i);
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) continue;
    if (vmcoreinfo.Symbol(name) != addresses.Get(encoding, i)) return false;
    ++agreeing;
  }
  return agreeing != 0;
}

}  // namespace

absl::StatusOr<profile::Kallsyms> ReadKernelSymbols(const profile::KernelMemory& memory,
                                                    const profile::Vmcoreinfo& vmcoreinfo,
                                                    const SymbolLimits& limits) {
  std::optional<SymbolTables> tables = NamedSymbolTables(vmcoreinfo);
  if (!tables)
    tables = SearchSymbolTables(memory, vmcoreinfo, limits.searched_bytes, limits.expired);
  if (!tables) {
    return absl::NotFoundError(
        "VMCOREINFO does not say where the kernel's symbol table is (Linux 6.0 and later do), and "
        "none was found");
  }
  std::uint32_t count = 0;
  if (!memory.Read(tables->count, std::as_writable_bytes(std::span(&count, 1)))) {
    return Misfit("kallsyms_num_syms cannot be read");
  }
  if (count == 0 || count > limits.symbols) return Misfit(absl::StrCat(count, " symbols"));
  TokenTable tokens;
  absl::Status status = ReadTokens(memory, tables->token_table, tables->token_index, tokens);
  if (!status.ok()) return status;
  const absl::StatusOr<Names> names = ReadNames(memory, tables->names, count, tokens, limits);
  if (!names.ok()) return names.status();
  Addresses addresses;
  const auto encodings = ReadAddresses(memory, *tables, count, addresses);
  if (!encodings.ok()) return encodings.status();
  for (const Encoding encoding : *encodings) {
    if (!Agrees(vmcoreinfo, *names, addresses, encoding)) continue;
    profile::Kallsyms::Builder symbols;
    for (std::size_t i = 0; i < count; ++i) {
      symbols.Add(names->Name(i), addresses.Get(encoding, i));
    }
    return std::move(symbols).Build();
  }
  return Misfit("its addresses do not agree with VMCOREINFO");
}

}  // namespace marrow
