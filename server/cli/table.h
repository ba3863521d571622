// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace marrow::cli {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

// Rows of text in columns as wide as their widest cell so far, two blanks apart. Cells may come
// from strangers: they are printed as Printable() makes them. A character counts as one column
// wide.
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  // Missing cells are empty; surplus ones are left out.
  void AddRow(std::vector<std::string> cells);

  // A title line and a line for each row, none wider than `width` characters (0: no limit): the
  // last column is cut and ends in "…". Lines have no trailing blanks. The rows are then forgotten:
  // a next call gives what was added since, without titles and in columns that are no narrower, so
  // that a table of any length is printed piece by piece.
  std::string Render(std::size_t width = 0);

 private:
  std::vector<std::string> Titles() const;
  std::string Line(const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  bool titled_ = false;
  std::vector<std::vector<std::string>> rows_;
};

// "name:   value" lines with the values below each other. Pairs with an empty value are left out.
std::string RenderPairs(const std::vector<std::pair<std::string, std::string>>& pairs);

}  // namespace marrow::cli
