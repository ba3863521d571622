// SPDX-License-Identifier: Apache-2.0
// Words, numbers and names of the profile language.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guest/profile/profile.h"

namespace marrow::profile {

// The words of one line, taken from the front.
class WordStream {
 public:
  explicit WordStream(std::vector<std::string_view> words) : words_(std::move(words)) {}

  bool empty() const { return next_ == words_.size(); }
  // The next word, or "" at the end.
  std::string_view Peek() const { return empty() ? std::string_view() : words_[next_]; }
  std::string_view Take();
  // Takes the next word if it is `word`.
  bool TakeIf(std::string_view word);

 private:
  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
};

// Words and "quoted words" up to a #. Nothing if a quote is not closed.
std::optional<std::vector<std::string_view>> Tokens(std::string_view line);

// "a?b?c". Nothing if one of them is empty.
std::optional<Alternatives> ParseAlternatives(std::string_view token);

// 4096, 0x1000, 4K, 1M; from 1 to 1 TiB.
std::optional<std::uint64_t> ParseSize(std::string_view token);
// As ParseSize, up to `maximum`.
std::optional<std::uint32_t> ParseCount(std::string_view token, std::uint32_t maximum);
// Decimal or 0x hex from 0.
std::optional<std::uint32_t> ParseU32(std::string_view token);
std::optional<Version> ParseVersion(std::string_view token);
std::optional<marrow_region_class> ParseClass(std::string_view token);

// Takes "optional", "from X.Y" or "before X.Y" if the next word is one of them. `*mistake` says
// what is wrong with it, or stays empty.
bool TakeCondition(WordStream* words, Condition* condition, std::string* mistake);

// "unexpected word 'x'; `allowed`"
std::string Unexpected(std::string_view word, std::string_view allowed);

}  // namespace marrow::profile
