// SPDX-License-Identifier: Apache-2.0
#include "engine/tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <queue>
#include <tuple>

namespace engine {
namespace {

uint64_t pair_key(Token left, Token right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

constexpr size_t kShortPiece = 24;  // below this, looking at every pair each time beats a heap

void merge_short(const MergeTable& table, std::vector<Token>& symbols) {
  while (symbols.size() > 1) {
    MergeTable::Rule best{-1, 0};
    size_t at = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      const MergeTable::Rule rule = table.find(symbols[i], symbols[i + 1]);
      if (rule.rank >= 0 && (best.rank < 0 || rule.rank < best.rank)) best = rule, at = i;
    }
    if (best.rank < 0) return;
    symbols[at] = best.result;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

struct Node {
  Token symbol;
  int32_t before, after;  // neighbours still alive; -1: none
  bool alive = true;
};
struct Candidate {
  int32_t rank, left;
  Token left_symbol, right_symbol, result;  // stale unless both symbols are still there
  bool operator>(const Candidate& other) const { return std::tie(rank, left) > std::tie(other.rank, other.left); }
};

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges) : slots_(std::bit_ceil(merges.size() * 2 + 2)) {
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const uint64_t pair = pair_key(merges[rank].left, merges[rank].right);
    size_t slot = first_slot(pair);
    while (slots_[slot].pair != kEmpty && slots_[slot].pair != pair) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = {pair, {static_cast<int32_t>(rank), merges[rank].result}};
  }
}

size_t MergeTable::first_slot(uint64_t pair) const {
  return static_cast<size_t>((pair * 0x9E3779B97F4A7C15u) >> 32) & (slots_.size() - 1);
}

MergeTable::Rule MergeTable::find(Token left, Token right) const {
  const uint64_t pair = pair_key(left, right);
  for (size_t slot = first_slot(pair);; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot].pair == pair) return slots_[slot].rule;
    if (slots_[slot].pair == kEmpty) return {-1, 0};
  }
}

void merge_pairs(const MergeTable& table, std::vector<Token>& symbols) {
  if (symbols.size() <= kShortPiece) return merge_short(table, symbols);
  const auto n = static_cast<int32_t>(symbols.size());
  std::vector<Node> nodes(symbols.size());
  for (int32_t i = 0; i < n; ++i)
    nodes[static_cast<size_t>(i)] = {symbols[static_cast<size_t>(i)], i - 1, i + 1 < n ? i + 1 : -1};
  const auto node = [&](int32_t i) -> Node& { return nodes[static_cast<size_t>(i)]; };

  std::vector<Candidate> storage;
  storage.reserve(symbols.size());
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(std::greater<>{}, std::move(storage));
  const auto offer = [&](int32_t left) {
    if (left < 0 || node(left).after < 0) return;
    const Token a = node(left).symbol, b = node(node(left).after).symbol;
    if (const auto rule = table.find(a, b); rule.rank >= 0) queue.push({rule.rank, left, a, b, rule.result});
  };
  for (int32_t i = 0; i + 1 < n; ++i) offer(i);

  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Node& left = node(best.left);
    if (!left.alive || left.symbol != best.left_symbol || left.after < 0) continue;
    Node& right = node(left.after);
    if (right.symbol != best.right_symbol) continue;
    left.symbol = best.result;
    right.alive = false;
    left.after = right.after;
    if (left.after >= 0) node(left.after).before = best.left;
    offer(left.before);
    offer(best.left);
  }
  symbols.clear();
  for (int32_t i = 0; i >= 0; i = node(i).after) symbols.push_back(node(i).symbol);
}

}  // namespace engine
