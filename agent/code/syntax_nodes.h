// SPDX-License-Identifier: Apache-2.0
// agent/code/syntax_nodes.h: a walkable index over the flat node list of a tools::SyntaxTree.
//
// Units    Nodes are named by their index in the list; -1 means "no such node". Parents come before children.
// Owns     The nodes by value and a (cheap, shared) copy of the tree, so views of its text stay valid.
#pragma once
#include <cassert>
#include <string>
#include <string_view>
#include <vector>

#include "tools/syntax.h"

namespace agent {

class SyntaxNodes {
 public:
  explicit SyntaxNodes(const tools::SyntaxTree& tree);

  const tools::SyntaxTree& tree() const { return tree_; }
  int size() const { return static_cast<int>(nodes_.size()); }
  const tools::Node& operator[](int i) const { return nodes_[static_cast<size_t>(i)]; }
  std::string_view text(int i) const { return text(nodes_[static_cast<size_t>(i)].range); }
  std::string_view text(tools::Range range) const {
    assert(range.begin <= range.end && range.end <= tree_.text().size());
    return std::string_view(tree_.text()).substr(range.begin, range.end - range.begin);
  }

  int parent(int i) const { return parents_[static_cast<size_t>(i)]; }
  const std::vector<int>& children(int i) const { return children_[static_cast<size_t>(i)]; }
  std::vector<int> named_children(int i) const;  // without comments
  int child_of_field(int i, std::string_view field) const;
  // The nearest node above `i` (not `i` itself) whose type is one of `types`.
  int ancestor_of_type(int i, const std::vector<std::string_view>& types) const;
  // The whole line that holds the byte, without its end mark.
  tools::Range line_of(size_t byte) const;
  size_t row_of(size_t byte) const;          // 0-based
  tools::Range row_range(size_t row) const;  // without the end mark
  size_t n_rows() const { return line_starts_.size(); }
  // White space in front of the first other byte of the line.
  std::string_view indent_at(size_t byte) const;

 private:
  tools::SyntaxTree tree_;
  std::vector<tools::Node> nodes_;
  std::vector<int> parents_;
  std::vector<std::vector<int>> children_;
  std::vector<size_t> line_starts_;
};

bool is_one_of(std::string_view value, const std::vector<std::string_view>& set);

}  // namespace agent
