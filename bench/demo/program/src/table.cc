// SPDX-License-Identifier: Apache-2.0
#include "table.h"

#include <algorithm>

namespace larder {
namespace {

std::string clip(const std::string& cell, std::size_t max_width) {
  if (max_width == 0 || cell.size() <= max_width) return cell;
  return cell.substr(0, max_width - 1) + "~";
}

std::string pad(const std::string& cell, std::size_t width, Align align) {
  const std::string spaces(width - std::min(width, cell.size()), ' ');
  return align == Align::kRight ? spaces + cell : cell + spaces;
}

void trim_right(std::string& line) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
}

std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

}  // namespace

void Table::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::render() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_[i].title.size();
    for (const auto& row : rows_) {
      width = std::max(width, clip(row[i], columns_[i].max_width).size());
    }
    widths.push_back(width);
  }

  std::string titles;
  std::string rule;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) titles += "  ";
    if (i > 0) rule += "  ";
    titles += pad(columns_[i].title, widths[i], columns_[i].align);
    rule += std::string(widths[i], '-');
  }
  trim_right(titles);

  std::string text = titles + "\n" + rule + "\n";
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += "  ";
      line += pad(clip(row[i], columns_[i].max_width), widths[i], columns_[i].align);
    }
    trim_right(line);
    text += line + "\n";
  }
  return text;
}

std::string Table::render_csv() const {
  std::string text;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) text += ',';
    text += csv_cell(columns_[i].title);
  }
  text += "\r\n";
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      text += csv_cell(row[i]);
    }
    text += "\r\n";
  }
  return text;
}

}  // namespace larder
