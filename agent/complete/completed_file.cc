// SPDX-License-Identifier: Apache-2.0
#include "agent/complete/completed_file.h"

#include <algorithm>

#include "agent/complete/completion_text.h"
#include "base/strings.h"

namespace agent {
namespace {

// Texts above this are not parsed at each keystroke: the parse would cost more than the completion.
constexpr size_t kMaxParsedBytes = 512u << 10;

}  // namespace

void CompletedFile::set(std::string_view path, std::string_view prefix, std::string_view suffix, std::stop_token stop) {
  const auto language = tools::language_of_path(path);
  if (!language || prefix.size() + suffix.size() > kMaxParsedBytes) return tree_.reset();
  std::string text = base::cat(prefix, suffix);
  auto tree = tree_ && tree_->language() == *language ? follow(std::move(text), stop)
                                                      : tools::SyntaxTree::parse(*language, std::move(text), stop);
  tree_.reset();
  if (tree) tree_ = std::move(tree).value();
  cursor_ = prefix.size();
  n_errors_ = tree_ ? tree_->errors().size() : 0;
}

std::optional<tools::SyntaxTree> CompletedFile::tree_with(std::string_view completion, std::stop_token stop) const {
  if (!tree_) return std::nullopt;
  std::string text = tree_->text();
  text.insert(cursor_, completion);
  const tools::TextChange change{cursor_, cursor_, cursor_ + completion.size()};
  auto tree = tree_->reparse(std::move(text), {&change, 1}, stop);
  return tree ? std::optional(std::move(tree).value()) : std::nullopt;
}

std::optional<CompletedFile::With> CompletedFile::with(std::string_view completion, std::stop_token stop) const {
  auto tree = tree_with(completion, stop);
  if (!tree) return std::nullopt;
  With with{std::move(*tree), 0};
  with.n_errors_closed = with.tree.errors().size();
  if (with.n_errors_closed > n_errors_) {
    const auto closed = tree_with(with_expected_end(std::string_view(tree_->text()).substr(0, cursor_), completion), stop);
    if (!closed) return std::nullopt;
    with.n_errors_closed = std::min(with.n_errors_closed, closed->errors().size());
  }
  return with;
}

bool CompletedFile::takes(std::string_view completion, std::stop_token stop) const {
  return takes(with(completion, std::move(stop)));
}

base::Result<tools::SyntaxTree> CompletedFile::follow(std::string text, std::stop_token stop) const {
  const std::string& old = tree_->text();
  const size_t shorter = std::min(old.size(), text.size());
  size_t front = 0, back = 0;
  while (front < shorter && old[front] == text[front]) ++front;
  while (back < shorter - front && old[old.size() - 1 - back] == text[text.size() - 1 - back]) ++back;
  const tools::TextChange change{front, old.size() - back, text.size() - back};
  return tree_->reparse(std::move(text), {&change, 1}, stop);
}

}  // namespace agent
