// SPDX-License-Identifier: Apache-2.0
// agent/complete/completed_file.h: the file around the cursor as a tree, and what it becomes with a completion in it.
//
// Threads  One thread.
// Cost     A parse of what changed since the last keystroke, and of each completion.
#pragma once
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "tools/syntax.h"

namespace agent {

class CompletedFile {
 public:
  // The file without a completion. Texts of no known language and large ones have no tree.
  void set(std::string_view path, std::string_view prefix, std::string_view suffix, std::stop_token stop);

  struct With {
    tools::SyntaxTree tree;
    size_t n_errors_closed = 0;  // the fewest, as it is or with what its author will type to close it
  };
  // Nothing where there is no tree, or on a stop request.
  std::optional<With> with(std::string_view completion, std::stop_token stop) const;
  // Whether the completion, or with what closes it, adds no syntax error. True without a tree.
  bool takes(std::string_view completion, std::stop_token stop) const;
  bool takes(const std::optional<With>& completed) const { return !tree_ || (completed && completed->n_errors_closed <= n_errors_); }

 private:
  std::optional<tools::SyntaxTree> tree_with(std::string_view completion, std::stop_token stop) const;
  base::Result<tools::SyntaxTree> follow(std::string text, std::stop_token stop) const;

  std::optional<tools::SyntaxTree> tree_;
  size_t cursor_ = 0;
  size_t n_errors_ = 0;  // without a completion
};

}  // namespace agent
