// SPDX-License-Identifier: Apache-2.0
#include "agent/code/syntax_nodes.h"

#include <algorithm>

namespace agent {

SyntaxNodes::SyntaxNodes(const tools::SyntaxTree& tree) : tree_(tree), nodes_(tree_.nodes()) {
  parents_.resize(nodes_.size(), -1);
  children_.resize(nodes_.size());
  std::vector<int> path;  // the open node at each depth
  for (int i = 0; i < size(); ++i) {
    const auto depth = static_cast<size_t>(std::max(0, (*this)[i].depth));
    path.resize(std::min(path.size(), depth));
    if (!path.empty()) {
      parents_[static_cast<size_t>(i)] = path.back();
      children_[static_cast<size_t>(path.back())].push_back(i);
    }
    path.push_back(i);
  }
  line_starts_.push_back(0);
  const std::string& all = tree_.text();
  for (size_t at = 0; at < all.size(); ++at)
    if (all[at] == '\n') line_starts_.push_back(at + 1);
}

std::vector<int> SyntaxNodes::named_children(int i) const {
  std::vector<int> named;
  for (int child : children(i)) {
    const tools::Node& node = (*this)[child];
    if (node.named && node.type.find("comment") == std::string_view::npos) named.push_back(child);
  }
  return named;
}

int SyntaxNodes::child_of_field(int i, std::string_view field) const {
  for (int child : children(i))
    if ((*this)[child].field == field) return child;
  return -1;
}

int SyntaxNodes::ancestor_of_type(int i, const std::vector<std::string_view>& types) const {
  for (int at = parent(i); at >= 0; at = parent(at))
    if (is_one_of((*this)[at].type, types)) return at;
  return -1;
}

size_t SyntaxNodes::row_of(size_t byte) const {
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), byte);
  return static_cast<size_t>(after - line_starts_.begin()) - 1;
}

tools::Range SyntaxNodes::row_range(size_t row) const {
  const size_t begin = line_starts_[row];
  size_t end = row + 1 < line_starts_.size() ? line_starts_[row + 1] - 1 : tree_.text().size();
  if (end > begin && tree_.text()[end - 1] == '\r') --end;
  return {begin, end};
}

tools::Range SyntaxNodes::line_of(size_t byte) const {
  return row_range(row_of(byte));
}

std::string_view SyntaxNodes::indent_at(size_t byte) const {
  const std::string_view line = text(line_of(byte));
  const size_t first = line.find_first_not_of(" \t");
  return line.substr(0, first == std::string_view::npos ? line.size() : first);
}

bool is_one_of(std::string_view value, const std::vector<std::string_view>& set) {
  return std::find(set.begin(), set.end(), value) != set.end();
}

}  // namespace agent
