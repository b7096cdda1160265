// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/expression.h"

#include <algorithm>
#include <cassert>

namespace engine {
namespace {

constexpr int kMaxHeight = 1000;         // recursion of this file; a level takes well below 1 kB of stack
constexpr size_t kMaxNodes = 4'000'000;  // about 200 MB with what is memoised for each

uint64_t mix(uint64_t hash, uint64_t value) {
  hash ^= value + 0x9e3779b97f4a7c15U + (hash << 6) + (hash >> 2);
  return hash * 0xff51afd7ed558ccdU;
}

// Counts a recursion whose depth no height bounds.
class Level {
 public:
  explicit Level(int& level) : level_(level) {
    if (level_ >= kMaxHeight) throw LimitExceeded{"nesting"};
    ++level_;
  }
  ~Level() { --level_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  int& level_;
};

}  // namespace

ExprStore::ExprStore() {
  intern({Kind::kVoid, kFinite, 0, 0, 0, 0}, {});
  intern({Kind::kEpsilon, kNullable | kFinite, 0, 0, 0, 0}, {});
  sets_.push_back(ByteSet::all());
  set_ids_[mix(0, 0)].push_back(0);
  // kAnyBytes is the repeat of expression 3, which is made right after it.
  intern({Kind::kRepeat, kNullable, 2, 3, 0, kNoLimit}, {});
  intern({Kind::kBytes, kFinite, 1, 0, 0, 0}, {});
}

uint64_t ExprStore::hash(const Node& node, std::span<const ExprId> list) {
  uint64_t h = mix(static_cast<uint64_t>(node.kind), node.c);
  if (list.empty()) h = mix(mix(h, node.a), node.b);
  for (const ExprId id : list) h = mix(h, id);
  return h;
}

ExprId ExprStore::intern(Node node, std::span<const ExprId> list) {
  const uint64_t h = hash(node, list);
  const auto known = ids_.find(h, [&](ExprId id) {
    const Node& other = nodes_[id];
    if (other.kind != node.kind || other.c != node.c) return false;
    return list.empty() ? other.a == node.a && other.b == node.b
                        : other.b == list.size() && std::equal(list.begin(), list.end(), lists_.begin() + other.a);
  });
  if (known) return *known;
  if (nodes_.size() >= kMaxNodes) throw LimitExceeded{"memory"};
  if (node.height > kMaxHeight) throw LimitExceeded{"nesting"};
  burn();
  if (!list.empty()) {
    node.a = static_cast<uint32_t>(lists_.size());
    node.b = static_cast<uint32_t>(list.size());
    lists_.insert(lists_.end(), list.begin(), list.end());
    burn(list.size() / 8);
  }
  const auto id = static_cast<ExprId>(nodes_.size());
  ids_.add(h, id);
  nodes_.push_back(node);
  arc_ranges_.push_back({kUnknown, 0});
  call_ranges_.push_back({kUnknown, 0});
  return id;
}

ExprId ExprStore::bytes(const ByteSet& set) {
  if (set.empty()) return kNothing;
  uint64_t h = 0;
  for (const uint64_t word : set.words()) h = mix(h, word);
  if (set == ByteSet::all()) h = mix(0, 0);
  std::vector<uint32_t>& ids = set_ids_[h];
  for (const uint32_t id : ids)
    if (sets_[id] == set) return intern({Kind::kBytes, kFinite, 1, id, 0, 0}, {});
  const auto id = static_cast<uint32_t>(sets_.size());
  sets_.push_back(set);
  ids.push_back(id);
  return intern({Kind::kBytes, kFinite, 1, id, 0, 0}, {});
}

ExprId ExprStore::byte(int value) {
  ByteSet set;
  set.add(value);
  return bytes(set);
}

ExprId ExprStore::text(std::string_view text) {
  ExprId all = kEmptyText;
  for (size_t i = text.size(); i-- > 0;) all = concat(byte(static_cast<unsigned char>(text[i])), all);
  return all;
}

ExprId ExprStore::concat(ExprId a, ExprId b) {
  if (a == kNothing || b == kNothing) return kNothing;
  if (a == kEmptyText) return b;
  if (b == kEmptyText) return a;
  const Node &x = nodes_[a], &y = nodes_[b];
  const auto flags = static_cast<uint8_t>((x.flags & y.flags & (kNullable | kFinite)) |
                                          ((x.flags | y.flags) & (kHasCalls | kMayBeDead)));
  int height = x.height + 1;
  if (x.flags & kNullable) height = std::max<int>(height, y.height);
  return intern({Kind::kConcat, flags, static_cast<uint16_t>(height), a, b, 0}, {});
}

ExprId ExprStore::concat(std::initializer_list<ExprId> parts) {
  ExprId all = kEmptyText;
  for (auto part = std::rbegin(parts); part != std::rend(parts); ++part) all = concat(*part, all);
  return all;
}

std::vector<ExprId> ExprStore::list_of(ExprId a) const {
  const Node& node = nodes_[a];
  return {lists_.begin() + node.a, lists_.begin() + node.a + node.b};
}

ExprId ExprStore::alt(ExprId a, ExprId b) {
  if (a == b || b == kNothing) return a;
  if (a == kNothing) return b;
  return alt(std::vector<ExprId>{a, b});
}

ExprId ExprStore::alt(std::vector<ExprId> parts) {
  std::vector<ExprId> flat;
  ByteSet set;
  bool empty_text = false, others_nullable = false;
  const auto add = [&](ExprId id) {
    const Node& node = nodes_[id];
    if (node.kind == Kind::kBytes) {
      set = set | sets_[node.a];
    } else if (id == kEmptyText) {
      empty_text = true;
    } else {
      others_nullable |= nullable(id);
      flat.push_back(id);
    }
  };
  for (const ExprId id : parts) {
    if (id == kNothing) continue;
    if (id == kAnyBytes) return kAnyBytes;
    if (nodes_[id].kind == Kind::kAlt)
      for (uint32_t i = 0; i < nodes_[id].b; ++i) add(lists_[nodes_[id].a + i]);
    else
      add(id);
  }
  if (!set.empty()) flat.push_back(bytes(set));
  if (empty_text && !others_nullable) flat.push_back(kEmptyText);
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  if (flat.empty()) return kNothing;
  if (flat.size() == 1) return flat[0];
  uint8_t flags = kFinite;
  int height = 0;
  for (const ExprId id : flat) {
    if ((nodes_[id].flags & kFinite) == 0) flags &= static_cast<uint8_t>(~kFinite);
    flags |= nodes_[id].flags & (kNullable | kHasCalls | kMayBeDead);
    height = std::max<int>(height, nodes_[id].height + 1);
  }
  return intern({Kind::kAlt, flags, static_cast<uint16_t>(height), 0, 0, 0}, flat);
}

ExprId ExprStore::both(ExprId a, ExprId b) {
  if (a == b || b == kAnyBytes) return a;
  if (a == kAnyBytes) return b;
  if (a == kNothing || b == kNothing) return kNothing;
  if (a == kEmptyText || b == kEmptyText) return nullable(a) && nullable(b) ? kEmptyText : kNothing;
  if (nodes_[a].kind == Kind::kBytes && nodes_[b].kind == Kind::kBytes)
    return bytes(sets_[nodes_[a].a] & sets_[nodes_[b].a]);
  assert(!has_calls(a) && !has_calls(b));
  std::vector<ExprId> flat;
  for (const ExprId id : {a, b}) {
    if (nodes_[id].kind == Kind::kBoth) {
      const std::vector<ExprId> list = list_of(id);
      flat.insert(flat.end(), list.begin(), list.end());
    } else {
      flat.push_back(id);
    }
  }
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  if (flat.size() == 1) return flat[0];
  uint8_t flags = kNullable | kMayBeDead;
  int height = 0;
  for (const ExprId id : flat) {
    if (!nullable(id)) flags &= static_cast<uint8_t>(~kNullable);
    height = std::max<int>(height, nodes_[id].height + 1);
  }
  return intern({Kind::kBoth, flags, static_cast<uint16_t>(height), 0, 0, 0}, flat);
}

ExprId ExprStore::complement(ExprId a) {
  if (a == kNothing) return kAnyBytes;
  if (a == kAnyBytes) return kNothing;
  const Node& node = nodes_[a];
  if (node.kind == Kind::kComplement) return node.a;
  assert(!has_calls(a));
  const uint8_t flags = (node.flags & kNullable ? 0 : kNullable) | kMayBeDead;
  return intern({Kind::kComplement, flags, static_cast<uint16_t>(node.height + 1), a, 0, 0}, {});
}

ExprId ExprStore::repeat(ExprId a, uint32_t min, uint32_t max) {
  if (max == 0 || a == kEmptyText) return kEmptyText;
  if (a == kNothing) return min == 0 ? kEmptyText : kNothing;
  if (nullable(a)) {  // turns without the empty string are as good, and any number of them is enough
    a = non_empty(a);
    min = 0;
    if (a == kNothing) return kEmptyText;
  }
  if (min == 1 && max == 1) return a;
  if (min == 0 && max == 1) return optional(a);
  if (min == 0 && max == kNoLimit && a == kAnyBytes + 1) return kAnyBytes;
  const Node& node = nodes_[a];
  if (node.kind == Kind::kRepeat && min == 0 && max == kNoLimit && node.b <= 1 && node.c == kNoLimit)
    return repeat(node.a, 0, kNoLimit);
  const auto flags = static_cast<uint8_t>((min == 0 ? kNullable : 0) |
                                          (node.flags & (kHasCalls | kMayBeDead | (max == kNoLimit ? 0 : kFinite))));
  return intern({Kind::kRepeat, flags, static_cast<uint16_t>(node.height + 1), a, min, max}, {});
}

ExprId ExprStore::call(RuleId rule) {
  return intern({Kind::kCall, kHasCalls, 1, rule, 0, 0}, {});
}

ExprId ExprStore::unfolding(uint32_t family, uint32_t state, bool calls) {
  const auto flags =
      static_cast<uint8_t>((families_[family]->nullable(state) ? kNullable : 0) | (calls ? kHasCalls : 0));
  return intern({Kind::kUnfolding, flags, 1, family, state, 0}, {});
}

uint32_t ExprStore::add_family(std::unique_ptr<Unfolding> family) {
  families_.push_back(std::move(family));
  return static_cast<uint32_t>(families_.size() - 1);
}

ExprId ExprStore::one_of(std::vector<std::pair<std::string_view, ExprId>> texts) {
  std::stable_sort(texts.begin(), texts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  // The texts [begin, end), which agree in their first `depth` bytes.
  const auto build = [&](auto&& self, size_t begin, size_t end, size_t depth, int level) -> ExprId {
    if (level > kMaxHeight) throw LimitExceeded{"nesting"};
    if (end - begin == 1) return concat(text(texts[begin].first.substr(depth)), texts[begin].second);
    const std::string_view first = texts[begin].first, last = texts[end - 1].first;
    size_t shared = depth;
    while (shared < first.size() && shared < last.size() && first[shared] == last[shared]) ++shared;
    std::vector<ExprId> branches;
    size_t from = begin;
    for (; from < end && texts[from].first.size() == shared; ++from) branches.push_back(texts[from].second);
    while (from < end) {
      size_t to = from + 1;
      while (to < end && texts[to].first[shared] == texts[from].first[shared]) ++to;
      branches.push_back(self(self, from, to, shared, level + 1));
      from = to;
    }
    return concat(text(first.substr(depth, shared - depth)), alt(std::move(branches)));
  };
  return texts.empty() ? kNothing : build(build, 0, texts.size(), 0, 0);
}

ExprId ExprStore::non_empty(ExprId a) {
  if (!nullable(a)) return a;
  const Node node = nodes_[a];
  switch (node.kind) {
    case Kind::kConcat: {
      const ExprId head = concat(non_empty(node.a), node.b);
      return alt(head, non_empty(node.b));
    }
    case Kind::kAlt: {
      std::vector<ExprId> parts = list_of(a);
      for (ExprId& part : parts) part = non_empty(part);
      return alt(std::move(parts));
    }
    case Kind::kRepeat:
      return repeat(node.a, 1, node.c);
    case Kind::kEpsilon:
      return kNothing;
    default:
      return has_calls(a) ? kNothing
                          : both(a, complement(kEmptyText));  // unfoldings that call rules are never nullable
  }
}

bool ExprStore::alive(ExprId a) {
  const auto known = [&](ExprId id) {
    return (nodes_[id].flags & kMayBeDead) == 0 || (nodes_[id].flags & kKnownAlive);
  };
  if (a == kNothing || (nodes_[a].flags & kKnownDead)) return false;
  if (known(a)) return true;
  bool result = false;
  const Level level(alive_level_);
  switch (nodes_[a].kind) {
    case Kind::kConcat: {
      ExprId part = a;
      result = true;
      while (result && nodes_[part].kind == Kind::kConcat && !known(part)) {
        burn();
        result = alive(nodes_[part].a);
        part = nodes_[part].b;
      }
      result = result && (known(part) || alive(part));
      break;
    }
    case Kind::kAlt:
      for (uint32_t i = 0; i < nodes_[a].b && !result; ++i) result = alive(lists_[nodes_[a].a + i]);
      break;
    case Kind::kRepeat:
      result = nodes_[a].b == 0 || alive(nodes_[a].a);
      break;
    default:
      return search_alive(a);
  }
  nodes_[a].flags |= result ? kKnownAlive : kKnownDead;
  return result;
}

// Breadth first, so the shortest string is found; a language that is empty has finitely many derivatives to look at.
bool ExprStore::search_alive(ExprId start) {
  std::unordered_map<ExprId, ExprId> came_from{{start, start}};
  std::vector<ExprId> queue{start};
  for (size_t i = 0; i < queue.size(); ++i) {
    const ExprId at = queue[i];
    const uint8_t flags = nodes_[at].flags;
    if (flags & kKnownDead) continue;
    if ((flags & (kNullable | kKnownAlive)) || !(flags & kMayBeDead)) {
      for (ExprId id = at;; id = came_from[id]) {
        nodes_[id].flags |= kKnownAlive;
        if (id == start) return true;
      }
    }
    burn(4);
    for (const Arc& arc : arcs(at))
      if (came_from.emplace(arc.then, at).second) queue.push_back(arc.then);
  }
  for (const ExprId id : queue) nodes_[id].flags |= kKnownDead;
  return false;
}

bool ExprStore::matches(ExprId a, std::string_view text) {
  for (const char c : text) {
    ExprId next = kNothing;
    for (const Arc& arc : arcs(a))
      if (arc.bytes.contains(static_cast<unsigned char>(c))) next = arc.then;
    a = next;
    if (a == kNothing) return false;
  }
  return nullable(a);
}

}  // namespace engine
