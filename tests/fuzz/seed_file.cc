// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seed_file.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace marrow {
namespace {

absl::StatusOr<std::string> DecodeHex(const std::string& text) {
  std::string digits;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    for (const char c : line.substr(0, line.find('#'))) {
      if (absl::ascii_isspace(static_cast<unsigned char>(c))) continue;
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) {
        return absl::InvalidArgumentError(absl::StrCat("not a hex digit: ", std::string(1, c)));
      }
      digits.push_back(c);
    }
  }
  if (digits.size() % 2 != 0) return absl::InvalidArgumentError("odd number of hex digits");
  return absl::HexStringToBytes(digits);
}

}  // namespace

absl::StatusOr<std::vector<std::filesystem::path>> ListSeeds(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> seeds;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.is_regular_file()) seeds.push_back(entry.path());
  }
  if (seeds.empty()) return absl::NotFoundError(absl::StrCat("no seeds in ", folder.string()));
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

absl::StatusOr<std::string> LoadSeed(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.good() && !in.eof())
    return absl::UnknownError(absl::StrCat("cannot read ", file.string()));
  return file.extension() == ".hex" ? DecodeHex(bytes) : bytes;
}

}  // namespace marrow
