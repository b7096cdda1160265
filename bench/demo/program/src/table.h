// SPDX-License-Identifier: Apache-2.0
// A table of text with aligned columns.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace larder {

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
  std::size_t max_width = 0;  // longer cells are cut and end in '~'; 0: no limit
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty, cells beyond the last column are ignored.
  void add_row(std::vector<std::string> cells);

  std::size_t rows() const { return rows_.size(); }

  // Title line, a rule, then the rows; columns are two spaces apart, no space ends a line.
  std::string render() const;

  // RFC 4180: a cell with a comma, quote or line break is quoted.
  std::string render_csv() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace larder
