// SPDX-License-Identifier: Apache-2.0
// A node that was rewritten, parts of it kept: the same node with other parts, where it stands again.
#include <algorithm>
#include <optional>

#include "agent/next_edit/edit_sites.h"

namespace agent {
namespace {

using Run = CodeText::Run;

// A tree of fixed leaves and holes. A hole stands for a whole node; with an equal text it is the same hole.
struct Pattern {
  std::string_view type, text;  // the text of a fixed leaf
  int hole = -1;
  std::vector<Pattern> children;
};

struct Template {
  Pattern pattern;
  int root = -1;                        // node of the example's text before
  std::vector<std::string_view> holes;  // texts in the example
  // The result in pieces: text as it is, or the number of a hole.
  std::vector<std::pair<std::string_view, int>> pieces;
  int n_fixed_words = 0;
  bool has_head = false;
};

constexpr int kMostLines = 4;

class TemplateMaker {
 public:
  explicit TemplateMaker(const EditShape& shape) : shape_(shape), before_(*shape.before), after_(*shape.after) {}

  // Of the innermost node around the change that has a name which stays: without one, any code would do.
  std::optional<Template> make() {
    const Run core = shape_.core.before;
    int root = before_.node_of(core.first, core.last);
    if (root < 0 && core.first > 0 && core.first < before_.size())  // insertions alone
      root = before_.common_node(before_.at(core.first - 1).node, before_.at(core.first).node);
    constexpr int kMostLevels = 4;
    for (int level = 0; level < kMostLevels && root > 0; ++level, root = before_.nodes.parent(root)) {
      if (!before_.nodes[root].named) continue;
      const Run run = before_.tokens_in(before_.nodes[root].range);
      if (run.last - run.first > kMostEditTokens) return std::nullopt;
      made_ = {};
      runs_.clear();
      made_.root = root;
      if (!make_at_root()) return std::nullopt;
      if (made_.has_head || made_.n_fixed_words >= 2) return made_.holes.empty() ? std::nullopt : std::optional(made_);
    }
    return std::nullopt;
  }

 private:
  bool make_at_root() {
    const tools::Range old_range = before_.nodes[made_.root].range;
    // Behind the change both texts are the same.
    const size_t tail = before_.text().size() - old_range.end;
    if (after_.text().size() <= tail + old_range.begin) return false;
    const tools::Range new_range{old_range.begin, after_.text().size() - tail};
    const std::string_view result = after_.nodes.text(new_range);
    if (std::count(result.begin(), result.end(), '\n') > kMostLines) return false;
    new_run_ = after_.tokens_in(new_range);
    made_.pattern = build(made_.root);
    cut(new_range);
    return true;
  }

  bool in_result(Run run) const {
    const int n = run.last - run.first;
    for (int at = new_run_.first; n > 0 && at + n <= new_run_.last; ++at)
      if (same_tokens(before_, run, after_, {at, at + n})) return true;
    return false;
  }

  Pattern build(int node) {
    const SyntaxNodes& nodes = before_.nodes;
    const Run run = before_.tokens_in(nodes[node].range);
    const std::string_view field = nodes[node].field;
    const bool head = field == "function" || field == "name" || field == "method" || field == "constructor";
    const bool inside_head =
        run.last - run.first == 1 && run.first < before_.size() && token_role(before_, run.first) == TokenRole::kCallee;
    if (node != made_.root && nodes[node].named && !head && !inside_head && in_result(run)) return hole(node);
    Pattern pattern{nodes[node].type, {}, -1, {}};
    if (nodes.children(node).empty()) {
      pattern.text = nodes.text(node);
      if (!pattern.text.empty() && is_word_byte(pattern.text.front())) ++made_.n_fixed_words;
      made_.has_head = made_.has_head || head || inside_head;
      return pattern;
    }
    for (int child : nodes.children(node)) pattern.children.push_back(build(child));
    return pattern;
  }

  Pattern hole(int node) {
    const std::string_view text = before_.nodes.text(node);
    const auto known = std::find(made_.holes.begin(), made_.holes.end(), text);
    Pattern pattern;
    pattern.hole = static_cast<int>(known - made_.holes.begin());
    if (known == made_.holes.end()) {
      made_.holes.push_back(text);
      runs_.push_back(before_.tokens_in(before_.nodes[node].range));
    }
    return pattern;
  }

  // The longest hole that stands at a token of the result takes its place there.
  void cut(tools::Range new_range) {
    size_t done = new_range.begin;
    const auto keep = [&](size_t to) {
      if (to > done) made_.pieces.emplace_back(after_.nodes.text({done, to}), -1);
    };
    for (int at = new_run_.first; at < new_run_.last;) {
      int best = -1, length = 0;
      for (size_t h = 0; h < runs_.size(); ++h) {
        const int n = runs_[h].last - runs_[h].first;
        if (n > length && at + n <= new_run_.last && same_tokens(before_, runs_[h], after_, {at, at + n}))
          best = static_cast<int>(h), length = n;
      }
      if (best < 0) {
        ++at;
        continue;
      }
      keep(after_.at(at).range.begin);
      made_.pieces.emplace_back(std::string_view(), best);
      at += length;
      done = after_.at(at - 1).range.end;
    }
    keep(new_range.end);
  }

  const EditShape& shape_;
  const CodeText &before_, &after_;
  Run new_run_;
  std::vector<Run> runs_;
  Template made_;
};

bool match(const Pattern& pattern, const CodeText& text, int node, std::vector<std::string_view>& bound) {
  const SyntaxNodes& nodes = text.nodes;
  if (pattern.hole >= 0) {
    std::string_view& hole = bound[static_cast<size_t>(pattern.hole)];
    if (!nodes[node].named || (!hole.empty() && hole != nodes.text(node))) return false;
    hole = nodes.text(node);
    return !hole.empty();
  }
  if (nodes[node].type != pattern.type) return false;
  const auto& children = nodes.children(node);
  if (pattern.children.empty()) return children.empty() && nodes.text(node) == pattern.text;
  if (children.size() != pattern.children.size()) return false;
  for (size_t i = 0; i < children.size(); ++i)
    if (!match(pattern.children[i], text, children[i], bound)) return false;
  return true;
}

// What the node becomes, or nothing where it does not fit.
std::optional<std::string> rewritten(const Template& of, const CodeText& text, int node) {
  std::vector<std::string_view> bound(of.holes.size());
  if (!match(of.pattern, text, node, bound)) return std::nullopt;
  std::string result;
  for (const auto& [piece, hole] : of.pieces) result += hole < 0 ? piece : bound[static_cast<size_t>(hole)];
  return result;
}

}  // namespace

bool agree_on_rewrite(const EditShape& a, const EditShape& b) {
  const auto made = TemplateMaker(a).make();
  if (!made) return false;
  const size_t at = b.before->gap(b.core.before.first).end;
  for (int i = 0; i < b.before->nodes.size(); ++i) {
    const tools::Range range = b.before->nodes[i].range;
    if (range.begin > at || range.end < at) continue;
    const auto result = rewritten(*made, *b.before, i);
    if (result &&
        b.before->text().substr(0, range.begin) + *result + b.before->text().substr(range.end) == b.after->text())
      return true;
  }
  return false;
}

bool find_rewrite_sites(const std::vector<EditShape>& examples, const CodeText& now, std::vector<EditSite>& found) {
  const auto made = TemplateMaker(examples.front()).make();
  if (!made) return false;
  const CodeText& before = *examples.front().before;
  const Run root_run = before.tokens_in(before.nodes[made->root].range);
  std::vector<EditContext> contexts = {edit_context(before, root_run)};
  for (size_t k = 1; k < examples.size(); ++k)
    contexts.push_back(edit_context(*examples[k].before, examples[k].core.before));
  for (int i = 1; i < now.nodes.size(); ++i) {
    if (now.nodes[i].type != made->pattern.type) continue;
    const auto result = rewritten(*made, now, i);
    if (!result) continue;
    const Run run = now.tokens_in(now.nodes[i].range);
    if (run.first >= run.last) continue;
    EditSite site{now.nodes[i].range, *result, {}};
    site.evidence = best_evidence(contexts, edit_context(now, run));
    site.evidence[Sign::kLessAlike] = 0;  // what the pattern fixes is what they have in common
    site.evidence[Sign::kRewrite] = 1;
    site.evidence[Sign::kHeadSame] = made->has_head ? 1 : 0;
    site.evidence[Sign::kWords] = std::clamp(made->n_fixed_words - 1, 0, 4);
    found.push_back(std::move(site));
  }
  return true;
}

}  // namespace agent
