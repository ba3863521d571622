// SPDX-License-Identifier: Apache-2.0
#include "server/cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/triage/printable.h"

namespace marrow::cli {
namespace {

constexpr absl::string_view kGap = "  ";

bool StartsCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }

// Characters of a UTF-8 text.
std::size_t WidthOf(absl::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), StartsCharacter));
}

std::string Cut(std::string line, std::size_t width) {
  if (width == 0 || WidthOf(line) <= width) return line;
  std::size_t bytes = 0;
  for (std::size_t characters = 0; bytes < line.size(); ++bytes) {
    if (StartsCharacter(line[bytes]) && ++characters == width) break;
  }
  line.resize(bytes);
  return line + "…";
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(WidthOf(column.title));
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] = Printable(cells[i]);
    widths_[i] = std::max(widths_[i], WidthOf(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

std::vector<std::string> Table::Titles() const {
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  return titles;
}

std::string Table::Line(const std::vector<std::string>& cells) const {
  std::string line;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const std::string padding(widths_[i] - WidthOf(cells[i]), ' ');
    const bool right = columns_[i].align == Align::kRight;
    absl::StrAppend(&line, i == 0 ? "" : kGap, right ? padding : "", cells[i],
                    right ? "" : padding);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string Table::Render(std::size_t width) {
  std::string out;
  if (!std::exchange(titled_, true)) absl::StrAppend(&out, Cut(Line(Titles()), width), "\n");
  for (const auto& row : std::exchange(rows_, {})) {
    absl::StrAppend(&out, Cut(Line(row), width), "\n");
  }
  return out;
}

std::string RenderPairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs) {
    if (!value.empty()) width = std::max(width, name.size());
  }
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    absl::StrAppend(&out, name, ":", std::string(width - name.size() + 2, ' '), Printable(value),
                    "\n");
  }
  return out;
}

}  // namespace marrow::cli
