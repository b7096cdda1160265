// SPDX-License-Identifier: Apache-2.0
#include "agent/code/code_tokens.h"

#include <algorithm>
#include <cctype>

namespace agent {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What a node says about the zone of its inside; the parent's zone otherwise.
Zone zone_in(const tools::Node& node, Zone around) {
  if (!node.named) return around;
  if (contains(node.type, "comment")) return Zone::kComment;
  if (contains(node.type, "interpolation") || contains(node.type, "substitution")) return Zone::kCode;
  if (node.type == "concatenated_string") return Zone::kCode;
  if (contains(node.type, "string") || contains(node.type, "char_literal") || contains(node.type, "regex"))
    return Zone::kString;
  return around;
}

// The next word or mark at or after `at`, before `end`; empty at the end.
tools::Range next_piece(std::string_view text, size_t at, size_t end) {
  while (at < end && is_space(text[at])) ++at;
  size_t to = at;
  if (to < end && is_word_byte(text[to])) {
    while (to < end && is_word_byte(text[to])) ++to;
  } else if (to < end) {
    ++to;
  }
  return {at, to};
}

}  // namespace

bool is_word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

std::vector<std::string_view> words_and_marks(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < text.size();) {
    const tools::Range piece = next_piece(text, at, text.size());
    if (piece.begin == piece.end) break;
    pieces.push_back(text.substr(piece.begin, piece.end - piece.begin));
    at = piece.end;
  }
  return pieces;
}

CodeText::CodeText(const tools::SyntaxTree& tree) : nodes(tree) {
  const std::string_view all = text();
  std::vector<Zone> zones(static_cast<size_t>(nodes.size()), Zone::kCode);
  size_t done = 0;  // all before belongs to a token or is white space
  const auto split = [&](size_t to, Zone zone, int node) {
    while (done < to) {
      const tools::Range piece = next_piece(all, done, to);
      if (piece.begin == piece.end) break;
      tokens.push_back({piece, zone, is_word_byte(all[piece.begin]), node});
      done = piece.end;
    }
    done = std::max(done, to);
  };
  for (int i = 0; i < nodes.size(); ++i) {
    depth = std::max(depth, nodes[i].depth);
    const int above = nodes.parent(i);
    const Zone around = above < 0 ? Zone::kCode : zones[static_cast<size_t>(above)];
    const Zone zone = zones[static_cast<size_t>(i)] = zone_in(nodes[i], around);
    const tools::Range range = nodes[i].range;
    if (range.begin >= done && above >= 0) split(range.begin, around, above);  // what the leaves leave out
    if (!nodes.children(i).empty() || range.begin == range.end || range.begin < done) continue;
    const std::string_view leaf = nodes.text(range);
    if (zone == Zone::kCode && std::none_of(leaf.begin(), leaf.end(), is_space)) {
      tokens.push_back({range, zone, is_word_byte(leaf.front()), i});
      done = range.end;
    } else {
      split(range.end, zone, i);
    }
  }
  if (nodes.size() > 0) split(all.size(), Zone::kCode, 0);
  // Pieces that a parent left out were given the node that came next in the list; the tree knows better.
  for (CodeToken& token : tokens)
    while (nodes.parent(token.node) >= 0 &&
           (nodes[token.node].range.begin > token.range.begin || nodes[token.node].range.end < token.range.end))
      token.node = nodes.parent(token.node);
}

int CodeText::token_after(size_t byte) const {
  const auto found = std::upper_bound(tokens.begin(), tokens.end(), byte,
                                      [](size_t b, const CodeToken& t) { return b < t.range.end; });
  return static_cast<int>(found - tokens.begin());
}

CodeText::Run CodeText::tokens_in(tools::Range range) const {
  Run run;
  run.first = run.last = token_after(range.begin);
  while (run.last < size() && at(run.last).range.begin < range.end) ++run.last;
  return run;
}

tools::Range CodeText::gap(int i) const {
  return {i <= 0 ? 0 : at(i - 1).range.end, i >= size() ? text().size() : at(i).range.begin};
}

int CodeText::common_node(int a, int b) const {
  while (a != b && a >= 0 && b >= 0) {
    if (nodes[a].depth >= nodes[b].depth)
      a = nodes.parent(a);
    else
      b = nodes.parent(b);
  }
  return a == b ? a : -1;
}

int CodeText::node_of(int first, int last) const {
  if (first >= last || first < 0 || last > size()) return -1;
  int node = common_node(at(first).node, at(last - 1).node);
  while (node >= 0 && !nodes[node].named) node = nodes.parent(node);
  while (node >= 0 && nodes.parent(node) > 0 && nodes[nodes.parent(node)].range == nodes[node].range)
    node = nodes.parent(node);
  return node;
}

}  // namespace agent
