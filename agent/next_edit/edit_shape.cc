// SPDX-License-Identifier: Apache-2.0
#include "agent/next_edit/edit_shape.h"

#include <algorithm>

namespace agent {
namespace {

using Run = CodeText::Run;

int length(Run run) {
  return run.last - run.first;
}

// Tokens that share a byte with the range or touch it: a letter typed at the end of a name changes that name.
Run touched(const CodeText& text, tools::Range range) {
  Run run;
  run.first = run.last = text.token_after(range.begin == 0 ? 0 : range.begin - 1);
  while (run.last < text.size() && text.at(run.last).range.begin <= range.end) ++run.last;
  return run;
}

// The hunks between two runs: equal tokens at both ends are set aside, then the longest common subsequence decides.
std::vector<Hunk> diff(const CodeText& a, Run before, const CodeText& b, Run after) {
  while (length(before) > 0 && length(after) > 0 && a.token(before.first) == b.token(after.first))
    ++before.first, ++after.first;
  while (length(before) > 0 && length(after) > 0 && a.token(before.last - 1) == b.token(after.last - 1))
    --before.last, --after.last;
  const size_t n = static_cast<size_t>(length(before)), m = static_cast<size_t>(length(after));
  if (n == 0 && m == 0) return {};
  std::vector<int> common((n + 1) * (m + 1), 0);  // of the tails from i and j on
  const auto at = [&](size_t i, size_t j) -> int& { return common[i * (m + 1) + j]; };
  const auto equal = [&](size_t i, size_t j) {
    return a.token(before.first + static_cast<int>(i)) == b.token(after.first + static_cast<int>(j));
  };
  for (size_t i = n; i-- > 0;)
    for (size_t j = m; j-- > 0;) at(i, j) = equal(i, j) ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
  std::vector<Hunk> hunks;
  bool open = false;
  const auto change = [&](size_t i, size_t j) -> Hunk& {
    if (!open) {
      const int x = before.first + static_cast<int>(i), y = after.first + static_cast<int>(j);
      hunks.push_back({{x, x}, {y, y}});
      open = true;
    }
    return hunks.back();
  };
  for (size_t i = 0, j = 0; i < n || j < m;) {
    if (i < n && j < m && equal(i, j)) {
      open = false;
      ++i, ++j;
    } else if (j >= m || (i < n && at(i + 1, j) >= at(i, j + 1))) {
      ++change(i, j).before.last;
      ++i;
    } else {
      ++change(i, j).after.last;
      ++j;
    }
  }
  return hunks;
}

bool is_insertion(const Hunk& hunk) {
  return length(hunk.before) == 0 && length(hunk.after) > 0;
}

bool covers_a_node(const CodeText& text, Run run) {
  const int node = text.node_of(run.first, run.last);
  return node >= 0 &&
         text.nodes[node].range == tools::Range{text.at(run.first).range.begin, text.at(run.last - 1).range.end};
}

// `f(x)` to `g(f(x))` is found as `)` put in front of the last `)`: an insertion may be moved to the right over tokens
// that equal its own first ones.
bool slide_right(Hunk& hunk, const CodeText& before, const CodeText& after) {
  const int next = hunk.after.last;
  if (hunk.before.first >= before.size() || next >= after.size() || after.token(hunk.after.first) != after.token(next))
    return false;
  ++hunk.before.first, ++hunk.before.last, ++hunk.after.first, ++hunk.after.last;
  return true;
}

std::optional<EditShape> as_wrap(EditShape shape) {
  if (shape.hunks.size() != 2 || !is_insertion(shape.hunks[0]) || !is_insertion(shape.hunks[1])) return std::nullopt;
  Hunk pre = shape.hunks[0], post = shape.hunks[1];
  const CodeText &before = *shape.before, &after = *shape.after;
  constexpr int kMostSlides = 8;
  for (int n = 0;; ++n) {
    const Run inside{pre.before.first, post.before.first};
    if (length(inside) > 0 && covers_a_node(before, inside)) {
      shape.kind = ShapeKind::kWrap;
      shape.core = {inside, {pre.after.first, post.after.last}};
      shape.pre = after.nodes.text({after.at(pre.after.first).range.begin, after.at(pre.after.last).range.begin});
      shape.post =
          after.nodes.text({after.at(post.after.first - 1).range.end, after.at(post.after.last - 1).range.end});
      return shape;
    }
    if (n == kMostSlides || !slide_right(post, before, after)) return std::nullopt;
  }
}

// Lines that an edit adds or takes are new code or gone code: nothing to repeat.
bool changes_lines(const EditShape& shape) {
  const auto newlines = [](std::string_view text) { return std::count(text.begin(), text.end(), '\n'); };
  const CodeText &a = *shape.before, &b = *shape.after;
  const tools::Range old_range{a.gap(shape.core.before.first).begin, a.gap(shape.core.before.last).end};
  const tools::Range new_range{b.gap(shape.core.after.first).begin, b.gap(shape.core.after.last).end};
  return newlines(a.nodes.text(old_range)) != newlines(b.nodes.text(new_range));
}

}  // namespace

std::string_view EditShape::new_text() const {
  if (core.after.first >= core.after.last) return {};
  return after->nodes.text({after->at(core.after.first).range.begin, after->at(core.after.last - 1).range.end});
}

bool same_tokens(const CodeText& a, Run run_a, const CodeText& b, Run run_b) {
  if (length(run_a) != length(run_b)) return false;
  for (int i = 0; i < length(run_a); ++i)
    if (a.token(run_a.first + i) != b.token(run_b.first + i)) return false;
  return true;
}

std::vector<EditShape> edit_shapes(const RecentEdit& edit, const std::shared_ptr<const CodeText>& before,
                                   const std::shared_ptr<const CodeText>& after) {
  const Run old_run = touched(*before, {edit.begin, edit.begin + edit.old_text.size()});
  const Run new_run = touched(*after, {edit.begin, edit.begin + edit.new_text.size()});
  if (length(old_run) > kMostEditTokens || length(new_run) > kMostEditTokens) return {};
  EditShape shape{ShapeKind::kReplace, before, after, {}, "", "", diff(*before, old_run, *after, new_run)};
  if (shape.hunks.empty()) return {};
  shape.core = {{shape.hunks.front().before.first, shape.hunks.back().before.last},
                {shape.hunks.front().after.first, shape.hunks.back().after.last}};
  if (changes_lines(shape)) return {};
  if (const auto wrap = as_wrap(shape)) return {*wrap};
  // The same change several times over is as many examples.
  const Hunk& first = shape.hunks.front();
  const bool alike = std::all_of(shape.hunks.begin(), shape.hunks.end(), [&](const Hunk& hunk) {
    return same_tokens(*before, hunk.before, *before, first.before) &&
           same_tokens(*after, hunk.after, *after, first.after);
  });
  if (!alike) {
    shape.kind = ShapeKind::kRewrite;
    return {shape};
  }
  std::vector<EditShape> shapes;
  for (const Hunk& hunk : shape.hunks) {
    shapes.push_back(shape);
    shapes.back().kind = is_insertion(hunk) ? ShapeKind::kInsert : ShapeKind::kReplace;
    shapes.back().core = hunk;
    shapes.back().hunks = {hunk};
  }
  return shapes;
}

}  // namespace agent
