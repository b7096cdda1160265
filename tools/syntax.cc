// SPDX-License-Identifier: Apache-2.0
#include "tools/syntax.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "tools/syntax_state.h"

namespace tools {
namespace {

// A change as bytes of the old text [old_begin, old_end) and of the new text [new_begin, new_end) that replaced them.
struct Span {
  size_t old_begin, old_end, new_begin, new_end;
};

// Brings changes that follow one another into disjoint spans, sorted by place. Nothing if the changes leave the text or
// do not lead to a text of `new_size` bytes.
std::vector<Span> combine(std::span<const TextChange> changes, size_t old_size, size_t new_size) {
  std::vector<Span> spans;
  size_t size = old_size;
  for (const TextChange& change : changes) {
    if (change.begin > change.old_end || change.old_end > size || change.new_end < change.begin) return {};
    // Spans that touch the change become one with it; later ones move by its growth.
    const auto first =
        std::find_if(spans.begin(), spans.end(), [&](const Span& s) { return s.new_end >= change.begin; });
    const auto last = std::find_if(first, spans.end(), [&](const Span& s) { return s.new_begin > change.old_end; });
    const ptrdiff_t shift_before = first == spans.begin() ? 0
                                                          : static_cast<ptrdiff_t>(std::prev(first)->old_end) -
                                                                static_cast<ptrdiff_t>(std::prev(first)->new_end);
    const ptrdiff_t shift_after = last == spans.begin() ? 0
                                                        : static_cast<ptrdiff_t>(std::prev(last)->old_end) -
                                                              static_cast<ptrdiff_t>(std::prev(last)->new_end);
    const auto to_old = [](size_t at, ptrdiff_t shift) {
      return static_cast<size_t>(static_cast<ptrdiff_t>(at) + shift);
    };
    Span merged{to_old(change.begin, shift_before), to_old(change.old_end, shift_after), change.begin, change.new_end};
    if (first != last) {
      if (first->new_begin < change.begin) merged.old_begin = first->old_begin, merged.new_begin = first->new_begin;
      const Span& tail = *std::prev(last);
      if (tail.new_end > change.old_end) {
        merged.old_end = tail.old_end;
        merged.new_end = change.new_end + (tail.new_end - change.old_end);
      }
    }
    const size_t grown = change.new_end, shrunk = change.old_end;
    for (auto later = last; later != spans.end(); ++later) {
      later->new_begin = later->new_begin - shrunk + grown;
      later->new_end = later->new_end - shrunk + grown;
    }
    spans.insert(spans.erase(first, last), merged);
    size = size - shrunk + grown;
  }
  if (size != new_size) return {};
  return spans;
}

// Rows and byte columns, found by walking forward through a text: Tree-sitter wants both for each edit.
class PointWalk {
 public:
  explicit PointWalk(std::string_view text, size_t start = 0, TSPoint at = {0, 0})
      : text_(text), offset_(start), at_(at) {}
  TSPoint to(size_t offset) {
    const char* from = text_.data() + offset_;
    const char* const end = text_.data() + offset;
    while (from < end) {
      const void* newline = std::memchr(from, '\n', static_cast<size_t>(end - from));
      if (newline == nullptr) break;
      from = static_cast<const char*>(newline) + 1;
      at_ = {at_.row + 1, 0};
    }
    at_.column += static_cast<uint32_t>(end - from);
    offset_ = offset;
    return at_;
  }

 private:
  std::string_view text_;
  size_t offset_;
  TSPoint at_;
};

void edit_tree(TSTree* tree, const std::vector<Span>& spans, std::string_view old_text, std::string_view new_text) {
  std::vector<TSInputEdit> edits;
  PointWalk walk(old_text);
  for (const Span& s : spans) {
    TSInputEdit edit{};
    edit.start_byte = static_cast<uint32_t>(s.old_begin);
    edit.old_end_byte = static_cast<uint32_t>(s.old_end);
    edit.new_end_byte = static_cast<uint32_t>(s.old_begin + (s.new_end - s.new_begin));
    edit.start_point = walk.to(s.old_begin);
    edit.new_end_point = PointWalk(new_text, s.new_begin, edit.start_point).to(s.new_end);
    edit.old_end_point = walk.to(s.old_end);
    edits.push_back(edit);
  }
  // From the last to the first: each edit's place is then still the place in the old text.
  for (auto edit = edits.rbegin(); edit != edits.rend(); ++edit) ts_tree_edit(tree, &*edit);
}

const char* read_text(void* payload, uint32_t byte, TSPoint, uint32_t* n_read) noexcept {
  const auto& text = *static_cast<const std::string*>(payload);
  *n_read = byte < text.size() ? static_cast<uint32_t>(text.size() - byte) : 0;
  return text.data() + std::min<size_t>(byte, text.size());
}

bool stop_wanted(TSParseState* state) noexcept {
  return static_cast<const std::stop_token*>(state->payload)->stop_requested();
}

base::Result<TsTree> run_parser(Language language, const std::string& text, const TSTree* old_tree,
                                std::stop_token stop) {
  thread_local const TsParser parser(ts_parser_new());
  if (!ts_parser_set_language(parser.get(), ts_language(language)))
    return base::Error{base::ErrorCode::kInternal, "the grammar does not fit this Tree-sitter library"};
  const TSInput input{const_cast<std::string*>(&text), read_text, TSInputEncodingUTF8, nullptr};
  TsTree tree(ts_parser_parse_with_options(parser.get(), old_tree, input, TSParseOptions{&stop, stop_wanted}));
  if (!tree) {
    ts_parser_reset(parser.get());  // else the next parse on this thread would go on with this one
    return base::cancelled();
  }
  return tree;
}

base::Status check_size(std::string_view text) {
  if (text.size() <= kMaxParseBytes) return base::ok();
  return base::Error{base::ErrorCode::kExhausted, base::cat("the text has ", text.size(), " bytes; files over ",
                                                            kMaxParseBytes, " bytes are not parsed")};
}

bool meets(Range node, Range range) {
  if (node.begin < range.end && range.begin < node.end) return true;
  const bool one_empty = node.begin == node.end || range.begin == range.end;
  return one_empty && node.begin <= range.end && range.begin <= node.end;
}

Node node_value(const TsCursor& cursor, int depth) {
  const TSNode node = cursor.node();
  return {ts_node_type(node),       range_of(node), ts_node_is_named(node), ts_node_is_error(node),
          ts_node_is_missing(node), depth,          cursor.field()};
}

}  // namespace

base::Result<SyntaxTree> SyntaxTree::parse(Language language, std::string text, std::stop_token stop) {
  if (base::Status bad = check_size(text); !bad) return std::move(bad).error();
  auto tree = run_parser(language, text, nullptr, std::move(stop));
  if (!tree) return std::move(tree).error();
  return SyntaxTree(std::make_shared<const State>(State{language, std::move(text), std::move(*tree)}));
}

base::Result<SyntaxTree> SyntaxTree::reparse(std::string text, std::span<const TextChange> changes,
                                             std::stop_token stop) const {
  if (base::Status bad = check_size(text); !bad) return std::move(bad).error();
  const std::vector<Span> spans = combine(changes, state_->text.size(), text.size());
  if (spans.empty()) {  // no change, or changes that do not fit these texts
    if (text == state_->text) return *this;
    return parse(state_->language, std::move(text), std::move(stop));
  }
  const TsTree edited(ts_tree_copy(state_->tree.get()));
  edit_tree(edited.get(), spans, state_->text, text);
  auto tree = run_parser(state_->language, text, edited.get(), std::move(stop));
  if (!tree) return std::move(tree).error();
  return SyntaxTree(std::make_shared<const State>(State{state_->language, std::move(text), std::move(*tree)}));
}

Language SyntaxTree::language() const {
  return state_->language;
}
const std::string& SyntaxTree::text() const {
  return state_->text;
}
std::vector<Symbol> SyntaxTree::symbols() const {
  return outline(state_->language, state_->text, state_->root());
}

std::vector<SyntaxError> SyntaxTree::errors(ErrorDepth depth) const {
  std::vector<SyntaxError> found;
  TsCursor cursor(state_->root());
  for (bool more = true; more;) {
    const TSNode node = cursor.node();
    const bool error = ts_node_is_error(node), missing = ts_node_is_missing(node);
    if (error || missing) found.push_back({range_of(node), missing, missing ? ts_node_type(node) : std::string_view{}});
    const bool look_inside = ts_node_has_error(node) && (!error || depth == ErrorDepth::kAll);
    more = look_inside && cursor.down();
    while (!more && !(more = cursor.next()) && cursor.up()) {
    }
  }
  return found;
}

std::vector<Node> SyntaxTree::nodes(Range range) const {
  std::vector<Node> found;
  TsCursor cursor(state_->root());
  int depth = 0;
  // The first child that may meet the range: one byte earlier, so that an empty node at its start is seen.
  const size_t first_byte = range.begin == 0 ? 0 : range.begin - 1;
  for (bool more = true; more;) {
    const Range at = range_of(cursor.node());
    const bool inside = meets(at, range) || depth == 0;
    if (inside) found.push_back(node_value(cursor, depth));
    const bool past = at.begin > range.end;
    more = inside && (at.begin < first_byte ? cursor.down_to_byte(first_byte) : cursor.down());
    if (more) {
      ++depth;
      continue;
    }
    more = !past && cursor.next();
    while (!more && depth > 0 && cursor.up()) {
      if (--depth == 0) break;
      more = cursor.next();
    }
  }
  return found;
}

std::vector<Node> SyntaxTree::ancestors(Range range) const {
  std::vector<Node> path;
  TsCursor cursor(state_->root());
  int depth = 0;
  path.push_back(node_value(cursor, depth));
  for (;;) {
    const auto fits = [&] {
      const Range at = range_of(cursor.node());
      return at.begin <= range.begin && at.end >= range.end;
    };
    bool found = cursor.down_to_byte(range.begin);
    if (found && !fits()) {
      cursor.up();
      found = false;
    }
    if (!found && range.begin == range.end && range.begin > 0) {  // a caret at the end of a token belongs to the token
      found = cursor.down_to_byte(range.begin - 1);
      if (found && !fits()) {
        cursor.up();
        found = false;
      }
    }
    if (!found) break;
    path.push_back(node_value(cursor, ++depth));
  }
  while (path.size() > 1 && !path.back().named) path.pop_back();
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace tools
