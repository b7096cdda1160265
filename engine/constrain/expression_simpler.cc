// SPDX-License-Identifier: Apache-2.0
// Simpler expressions that stand for others as long as a token is short.
#include <algorithm>

#include "engine/constrain/expression.h"

namespace engine {

ExprId ExprStore::without_exceptions(ExprId a) {
  const Node node = nodes_[a];
  if (node.kind != Kind::kConcat || nodes_[node.a].kind != Kind::kBoth) return a;
  ExprId repeated = kNothing;
  for (const ExprId part : list_of(node.a)) {
    const Node& n = nodes_[part];
    if (n.kind == Kind::kComplement && (nodes_[n.a].flags & kFinite)) continue;
    if (repeated != kNothing || n.kind != Kind::kRepeat || n.b != 0 || n.c != kNoLimit) return a;
    repeated = part;
  }
  return repeated == kNothing ? a : concat(repeated, node.b);
}

// No text of `a` is shorter; 0 where that is not seen at once.
uint32_t ExprStore::least_bytes(ExprId a) const {
  constexpr uint32_t kEnough = 1u << 16;
  const Node& node = nodes_[a];
  switch (node.kind) {
    case Kind::kBytes:
    case Kind::kCall:  // rules never have the empty string
      return 1;
    case Kind::kConcat: {
      uint32_t sum = 0;
      for (; nodes_[a].kind == Kind::kConcat && sum < kEnough; a = nodes_[a].b) sum += least_bytes(nodes_[a].a);
      return sum + (nodes_[a].kind == Kind::kConcat ? 0 : least_bytes(a));
    }
    case Kind::kAlt: {
      uint32_t least = kEnough;
      for (uint32_t i = 0; i < node.b && least > 0; ++i) least = std::min(least, least_bytes(lists_[node.a + i]));
      return least;
    }
    case Kind::kRepeat:
      return node.b == 0 ? 0 : least_bytes(node.a);
    default:
      return 0;
  }
}

ExprId ExprStore::unbounded_within(ExprId a, uint32_t n) {
  const Node node = nodes_[a];
  switch (node.kind) {
    case Kind::kConcat: {
      const ExprId head = unbounded_within(node.a, n);
      return head == node.a ? a : concat(head, node.b);
    }
    case Kind::kAlt: {
      std::vector<ExprId> parts = list_of(a);
      bool same = true;
      for (ExprId& part : parts) {
        const ExprId simpler = unbounded_within(part, n);
        same &= simpler == part;
        part = simpler;
      }
      return same ? a : alt(std::move(parts));
    }
    case Kind::kRepeat: {
      // Turns that n bytes can begin at most.
      const uint32_t turns = n / std::max(1u, least_bytes(node.a)) + 1;
      const uint32_t max = node.c > turns ? kNoLimit : node.c,
                     min = max == kNoLimit ? std::min(node.b, turns + 1) : node.b;
      return min == node.b && max == node.c ? a : repeat(node.a, min, max);
    }
    default:
      return a;
  }
}

}  // namespace engine
