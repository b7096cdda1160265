// SPDX-License-Identifier: Apache-2.0
// tools/syntax_state.h: what a SyntaxTree holds; private to tools/ (Tree-sitter's types stay behind tools/syntax.h).
//
// Threads  A TSTree is only read here. Reads of one tree from several threads are safe: nodes and cursors change
//          nothing but themselves, and Tree-sitter's reference counts are atomic.
#pragma once
#include <tree_sitter/api.h>

#include <string>

#include "base/c_handle.h"
#include "tools/syntax.h"

namespace tools {

using TsTree = base::CHandle<TSTree, ts_tree_delete>;
using TsParser = base::CHandle<TSParser, ts_parser_delete>;

// A cursor for the length of one walk.
class TsCursor {
 public:
  explicit TsCursor(TSNode node) : cursor_(ts_tree_cursor_new(node)) {}
  TsCursor(const TsCursor&) = delete;
  TsCursor& operator=(const TsCursor&) = delete;
  ~TsCursor() { ts_tree_cursor_delete(&cursor_); }

  TSNode node() const { return ts_tree_cursor_current_node(&cursor_); }
  bool down() { return ts_tree_cursor_goto_first_child(&cursor_); }
  // To the first child that ends after `byte`; false, and no move, where there is none.
  bool down_to_byte(size_t byte) {
    if (ts_tree_cursor_goto_first_child_for_byte(&cursor_, static_cast<uint32_t>(byte)) >= 0) return true;
    // Tree-sitter 0.25 gives up where a hidden node ends in an empty one: look at each child.
    if (!down()) return false;
    do {
      if (ts_node_end_byte(node()) > byte) return true;
    } while (next());
    up();
    return false;
  }
  bool next() { return ts_tree_cursor_goto_next_sibling(&cursor_); }
  bool up() { return ts_tree_cursor_goto_parent(&cursor_); }
  std::string_view field() const {
    const char* name = ts_tree_cursor_current_field_name(&cursor_);
    return name == nullptr ? std::string_view{} : std::string_view{name};
  }

 private:
  TSTreeCursor cursor_;
};

inline Range range_of(TSNode node) {
  return {ts_node_start_byte(node), ts_node_end_byte(node)};
}

const TSLanguage* ts_language(Language language);

struct SyntaxTree::State {
  Language language;
  std::string text;
  TsTree tree;
  TSNode root() const { return ts_tree_root_node(tree.get()); }
};

// The outline of a tree: tools/symbols.cc.
std::vector<Symbol> outline(Language language, std::string_view text, TSNode root);

}  // namespace tools
