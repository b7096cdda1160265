// SPDX-License-Identifier: Apache-2.0
// How an expression goes on: by a byte (arcs) and by a rule (calls).
#include <algorithm>
#include <cassert>

#include "engine/constrain/expression.h"

namespace engine {

std::span<const Arc> ExprStore::arcs(ExprId a) {
  if (arc_ranges_[a].begin == kUnknown) {
    std::vector<Arc> made = make_arcs(a);
    std::erase_if(made, [](const Arc& arc) { return arc.then == kNothing; });
    burn(1 + made.size());
    arc_ranges_[a] = {static_cast<uint32_t>(arcs_.size()), static_cast<uint32_t>(made.size())};
    arcs_.insert(arcs_.end(), made.begin(), made.end());
  }
  return std::span<const Arc>(arcs_).subspan(arc_ranges_[a].begin, arc_ranges_[a].size);
}

std::vector<Arc> ExprStore::make_arcs(ExprId a) {
  const Node node = nodes_[a];
  std::vector<Arc> all;
  const auto add = [&](ExprId part, ExprId after) {
    const size_t from = all.size();
    const std::span<const Arc> arcs_of_part = arcs(part);
    all.insert(all.end(), arcs_of_part.begin(), arcs_of_part.end());
    if (after == kEmptyText) return;
    for (size_t i = from; i < all.size(); ++i) all[i].then = concat(all[i].then, after);
  };
  switch (node.kind) {
    case Kind::kVoid:
    case Kind::kEpsilon:
    case Kind::kCall:
      return {};
    case Kind::kBytes:
      return {{sets_[node.a], kEmptyText}};
    case Kind::kConcat: {
      // A loop along the tail: thousands of optional parts may follow each other.
      ExprId head = node.a, tail = node.b;
      int parts = 0;
      for (;; ++parts) {
        add(head, tail);
        if (!nullable(head) || tail == kEmptyText) break;
        const Node& next = nodes_[tail];
        head = next.kind == Kind::kConcat ? next.a : tail;
        tail = next.kind == Kind::kConcat ? next.b : kEmptyText;
      }
      return parts == 0 ? all : merged(std::move(all));
    }
    case Kind::kAlt:
      for (uint32_t i = 0; i < node.b; ++i) add(lists_[node.a + i], kEmptyText);
      return merged(std::move(all));
    case Kind::kRepeat:
      add(node.a, repeat(node.a, node.b == 0 ? 0 : node.b - 1, node.c == kNoLimit ? kNoLimit : node.c - 1));
      return all;
    case Kind::kBoth: {
      add(lists_[node.a], kEmptyText);
      for (uint32_t i = 1; i < node.b && !all.empty(); ++i) {
        const std::span<const Arc> found = arcs(lists_[node.a + i]);
        const std::vector<Arc> next(found.begin(), found.end());
        std::vector<Arc> shared;
        for (const Arc& x : all)
          for (const Arc& y : next)
            if (const ByteSet set = x.bytes & y.bytes; !set.empty()) shared.push_back({set, both(x.then, y.then)});
        burn(all.size() * next.size() / 4);
        all = std::move(shared);
      }
      return merged(std::move(all));
    }
    case Kind::kComplement: {
      add(node.a, kEmptyText);
      ByteSet rest = ByteSet::all();
      for (Arc& arc : all) {
        rest = rest - arc.bytes;
        arc.then = complement(arc.then);
      }
      if (!rest.empty()) all.push_back({rest, kAnyBytes});
      return merged(std::move(all));
    }
    case Kind::kUnfolding:
      add(families_[node.a]->unfold(*this, node.b), kEmptyText);
      return all;
  }
  return {};
}

// Overlapping arcs become disjoint ones (to what either goes on with), arcs to one place become one.
std::vector<Arc> ExprStore::merged(std::vector<Arc> arcs) {
  std::erase_if(arcs, [](const Arc& arc) { return arc.then == kNothing; });
  arcs = disjoint(std::move(arcs));
  std::sort(arcs.begin(), arcs.end(), [](const Arc& a, const Arc& b) { return a.then < b.then; });
  size_t kept = 0;
  for (const Arc& arc : arcs) {
    if (kept > 0 && arcs[kept - 1].then == arc.then)
      arcs[kept - 1].bytes = arcs[kept - 1].bytes | arc.bytes;
    else
      arcs[kept++] = arc;
  }
  arcs.resize(kept);
  return arcs;
}

std::vector<Arc> ExprStore::disjoint(std::vector<Arc> arcs) {
  struct Block {
    ByteSet bytes;
    std::vector<ExprId> thens;
  };
  ByteSet covered;
  bool overlap = false;
  for (const Arc& arc : arcs) {
    overlap |= !(arc.bytes & covered).empty();
    covered = covered | arc.bytes;
  }
  if (!overlap) return arcs;
  std::vector<Block> blocks;
  covered = {};
  for (const Arc& arc : arcs) {
    ByteSet fresh = arc.bytes - covered;
    if (fresh != arc.bytes) {
      const size_t n = blocks.size();
      for (size_t i = 0; i < n; ++i) {
        const ByteSet shared = blocks[i].bytes & arc.bytes;
        if (shared.empty()) continue;
        if (shared != blocks[i].bytes) {
          Block rest{blocks[i].bytes - shared, blocks[i].thens};
          blocks.push_back(std::move(rest));
          blocks[i].bytes = shared;
        }
        blocks[i].thens.push_back(arc.then);
      }
      burn(n / 16);
    }
    if (!fresh.empty()) blocks.push_back({fresh, {arc.then}});
    covered = covered | arc.bytes;
  }
  std::vector<Arc> result;
  for (Block& block : blocks) {
    const ExprId then = block.thens.size() == 1 ? block.thens[0] : alt(std::move(block.thens));
    if (then != kNothing) result.push_back({block.bytes, then});
  }
  return result;
}

std::span<const CallArc> ExprStore::calls(ExprId a) {
  if (!has_calls(a)) return {};
  if (call_ranges_[a].begin == kUnknown) {
    const std::vector<CallArc> made = make_calls(a);
    burn(1 + made.size());
    call_ranges_[a] = {static_cast<uint32_t>(calls_.size()), static_cast<uint32_t>(made.size())};
    calls_.insert(calls_.end(), made.begin(), made.end());
  }
  return std::span<const CallArc>(calls_).subspan(call_ranges_[a].begin, call_ranges_[a].size);
}

std::vector<CallArc> ExprStore::make_calls(ExprId a) {
  const Node node = nodes_[a];
  std::vector<CallArc> all;
  const auto add = [&](ExprId part, ExprId after) {
    const size_t from = all.size();
    const std::span<const CallArc> found = calls(part);
    all.insert(all.end(), found.begin(), found.end());
    for (size_t i = from; i < all.size(); ++i) all[i].then = concat(all[i].then, after);
  };
  switch (node.kind) {
    case Kind::kCall:
      return {{node.a, kEmptyText}};
    case Kind::kConcat: {
      ExprId head = node.a, tail = node.b;
      for (;;) {
        add(head, tail);
        if (!nullable(head) || tail == kEmptyText) break;
        const Node& next = nodes_[tail];
        head = next.kind == Kind::kConcat ? next.a : tail;
        tail = next.kind == Kind::kConcat ? next.b : kEmptyText;
      }
      break;
    }
    case Kind::kAlt:
      for (uint32_t i = 0; i < node.b; ++i) add(lists_[node.a + i], kEmptyText);
      break;
    case Kind::kRepeat:
      add(node.a, repeat(node.a, node.b == 0 ? 0 : node.b - 1, node.c == kNoLimit ? kNoLimit : node.c - 1));
      break;
    case Kind::kUnfolding:
      add(families_[node.a]->unfold(*this, node.b), kEmptyText);
      break;
    default:
      return {};
  }
  std::erase_if(all, [](const CallArc& arc) { return arc.then == kNothing; });
  std::stable_sort(all.begin(), all.end(), [](const CallArc& x, const CallArc& y) { return x.rule < y.rule; });
  size_t kept = 0;
  for (const CallArc& arc : all) {
    if (kept > 0 && all[kept - 1].rule == arc.rule)
      all[kept - 1].then = alt(all[kept - 1].then, arc.then);
    else
      all[kept++] = arc;
  }
  all.resize(kept);
  return all;
}

}  // namespace engine
