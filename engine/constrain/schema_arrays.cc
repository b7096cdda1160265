// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/schema_arrays.h"

#include <algorithm>
#include <map>

#include "base/strings.h"

namespace engine {
namespace {

using base::Json;

constexpr size_t kMaxPrefixItems = 4096;
constexpr size_t kMaxContains = 4;  // each may or may not hold of an item, all combinations are looked at
constexpr size_t kMaxStates = 20'000;
constexpr size_t kMaxDistinctValues = 512;

// Equal ones become one.
std::vector<FlatSchema::Contains> merged(const std::vector<FlatSchema::Contains>& all) {
  std::vector<FlatSchema::Contains> kept;
  for (const FlatSchema::Contains& one : all) {
    const auto same = std::find_if(kept.begin(), kept.end(), [&](const auto& other) {
      return other.which == one.which && other.from == one.from;
    });
    if (same == kept.end()) {
      kept.push_back(one);
      continue;
    }
    same->min = std::max(same->min, one.min);
    same->max = std::min(same->max, one.max);
    for (const Place scope : one.scopes) add_place(same->scopes, scope);
  }
  return kept;
}

// How many items were read, up to where that makes no difference, and how many of them are as each `contains` says.
struct Count {
  uint32_t index = 0;
  std::vector<uint32_t> held = {};
  auto operator<=>(const Count&) const = default;
};

struct Counted {
  struct Step {
    NodeId node;
    uint32_t to;
  };
  std::vector<std::vector<Step>> steps = {};  // by state; those alone from which an end can be reached
  std::vector<bool> may_end = {}, alive = {};
};

// The states of a counted array that can be reached.
Counted count_items(ExprStore& store, const ArrayShape& shape, const std::function<bool(NodeId)>& productive) {
  uint32_t last_index = std::max(static_cast<uint32_t>(shape.chosen.size()) - 1, shape.min);
  if (shape.max != kNoLimit) last_index = std::max(last_index, shape.max);
  Counted graph;
  std::map<Count, uint32_t> ids;
  std::vector<Count> states;
  const auto state = [&](const Count& count) {
    const auto [at, fresh] = ids.try_emplace(count, static_cast<uint32_t>(states.size()));
    if (fresh) {
      if (states.size() >= kMaxStates)
        throw SchemaProblem{"contains beside such large numbers of items is not supported"};
      states.push_back(count);
    }
    return at->second;
  };
  state({0, std::vector<uint32_t>(shape.contains.size(), 0)});
  for (size_t s = 0; s < states.size(); ++s) {
    const Count count = states[s];
    bool enough = count.index >= shape.min;
    for (size_t k = 0; k < shape.contains.size(); ++k) enough &= count.held[k] >= shape.contains[k].min;
    graph.may_end.push_back(enough);
    graph.steps.emplace_back();
    if (count.index >= shape.max) continue;
    const std::vector<NodeId>& nodes = shape.chosen[std::min<size_t>(count.index, shape.chosen.size() - 1)];
    for (unsigned set = 0; set < nodes.size(); ++set) {
      store.burn(2);
      if (nodes[set] < 0 || !productive(nodes[set])) continue;
      Count next = count;
      next.index = std::min(count.index + 1, last_index);
      bool possible = true;
      for (size_t k = 0; k < shape.contains.size(); ++k) {
        if ((set >> k & 1) == 0) continue;
        const FlatSchema::Contains& contains = shape.contains[k];
        possible &= next.held[k] < contains.max;
        next.held[k] = std::min(next.held[k] + 1, contains.max == kNoLimit ? contains.min : contains.max);
      }
      if (possible) graph.steps[s].push_back({nodes[set], state(next)});
    }
  }
  // Backwards from where it may end.
  std::vector<std::vector<uint32_t>> before(states.size());
  std::vector<uint32_t> queue;
  graph.alive.assign(states.size(), false);
  for (uint32_t s = 0; s < states.size(); ++s) {
    for (const Counted::Step& step : graph.steps[s]) before[step.to].push_back(s);
    if (!graph.may_end[s]) continue;
    graph.alive[s] = true;
    queue.push_back(s);
  }
  for (size_t i = 0; i < queue.size(); ++i)
    for (const uint32_t s : before[queue[i]])
      if (!graph.alive[s]) {
        graph.alive[s] = true;
        queue.push_back(s);
      }
  for (auto& steps : graph.steps)
    std::erase_if(steps, [&](const Counted::Step& step) { return !graph.alive[step.to]; });
  return graph;
}

// The values that items can be, where they are a list; else refused, unless no two items can be equal.
std::optional<JsonDistinctItems> distinct_items(SchemaDocument& document, JsonText& text, const FlatSchema& flat,
                                                size_t n_first) {
  if (flat.max_items <= 1) return std::nullopt;
  JsonDistinctItems items;
  std::vector<Json> values;
  const auto of_item = [&](size_t i) -> std::optional<std::vector<uint32_t>> {
    const auto found = document.all_values(document.item(flat, i, 0), kMaxDistinctValues);
    if (!found) return std::nullopt;
    std::vector<uint32_t> ids;
    for (const Json& value : *found) {
      const auto known = std::find(values.begin(), values.end(), value);
      ids.push_back(static_cast<uint32_t>(known - values.begin()));
      if (known != values.end()) continue;
      values.push_back(value);
      items.values.push_back(text.literal(value));
    }
    if (values.size() > kMaxDistinctValues) return std::nullopt;
    return ids;
  };
  const char* kRefusal =
      "this keyword is supported where items are values of a list (enum, const, small ranges of integers), where no "
      "two "
      "of them can be equal, and without `contains`";
  if (!flat.contains.empty()) document.fail(*flat.distinct, "uniqueItems", kRefusal);
  bool listed = n_first <= kMaxDistinctValues;
  for (size_t i = 0; i <= n_first && listed && i < flat.max_items; ++i) {
    auto ids = of_item(i);
    listed = ids.has_value();
    if (!listed) break;
    if (i < n_first)
      items.first.push_back(std::move(*ids));
    else
      items.rest = std::move(*ids);
  }
  if (listed) return items;
  // No two items that are there can be equal.
  size_t n = flat.max_items;
  if (document.provably_empty(document.item(flat, n_first, 0))) n = std::min(n, n_first);
  bool differ = n <= 16;
  for (size_t i = 0; i < n && differ; ++i)
    for (size_t k = i + 1; k < n && differ; ++k) {
      Conjunction both = document.item(flat, i, 0);
      for (const Place p : document.item(flat, k, 0)) add_place(both, p);
      differ = document.provably_empty(both);
    }
  if (!differ) document.fail(*flat.distinct, "uniqueItems", kRefusal);
  return std::nullopt;
}

}  // namespace

ArrayShape array_shape(SchemaDocument& document, ExprStore& store, JsonText& text, FlatSchema flat,
                       const std::function<NodeId(const Conjunction&)>& node) {
  ArrayShape shape;
  shape.min = flat.min_items;
  shape.max = flat.max_items;
  flat.contains = merged(flat.contains);
  size_t n_first = 0;
  for (const FlatSchema::Items& items : flat.items) n_first = std::max(n_first, items.prefix.size());
  for (const FlatSchema::Contains& contains : flat.contains) n_first = std::max(n_first, contains.from);
  if (n_first > kMaxPrefixItems) throw LimitExceeded{"memory"};
  if (flat.distinct) {
    shape.distinct = distinct_items(document, text, flat, n_first);
    if (shape.distinct) {
      shape.distinct->min = shape.min;
      shape.distinct->max = shape.max;
      shape.distinct->gap = text.gap();
      return shape;
    }
  }
  if (flat.contains.empty()) {
    for (size_t i = 0; i < n_first; ++i) shape.prefix.push_back(node(document.item(flat, i, 0)));
    shape.rest = node(document.item(flat, n_first, 0));
    return shape;
  }
  if (flat.contains.size() > kMaxContains)
    throw SchemaProblem{base::cat("more than ", kMaxContains, " `contains` in one place are not supported")};
  shape.contains = flat.contains;
  for (size_t i = 0; i <= n_first; ++i) {
    std::vector<NodeId> nodes;
    for (unsigned set = 0; set < 1u << flat.contains.size(); ++set) {
      bool counts = true;  // an item before `from` is not asked
      for (size_t k = 0; k < flat.contains.size(); ++k) counts &= (set >> k & 1) == 0 || i >= flat.contains[k].from;
      nodes.push_back(counts ? node(document.item(flat, i, set)) : -1);
      store.burn(2);
    }
    shape.chosen.push_back(std::move(nodes));
  }
  return shape;
}

bool exists(ExprStore& store, const ArrayShape& shape, const std::function<bool(NodeId)>& productive) {
  if (shape.min > shape.max) return false;
  if (shape.distinct) return can_be_distinct(*shape.distinct);
  if (!shape.chosen.empty()) return count_items(store, shape, productive).alive[0];
  for (size_t i = 0; i < std::min<size_t>(shape.min, shape.prefix.size()); ++i)
    if (!productive(shape.prefix[i])) return false;
  return shape.min <= shape.prefix.size() || productive(shape.rest);
}

ExprId array_text(ExprStore& store, const JsonText& text, const ArrayShape& shape,
                  const std::function<ExprId(NodeId)>& value) {
  const ExprId open = store.byte('['), close = store.byte(']');
  if (shape.distinct) return store.concat({open, text.gap(), json_distinct_items(store, *shape.distinct)});
  if (!shape.chosen.empty()) {
    const Counted graph = count_items(store, shape, [&](NodeId node) { return value(node) != kNothing; });
    JsonItems items;
    items.gap = text.gap();
    for (size_t s = 0; s < graph.steps.size(); ++s) {
      JsonItems::State state;
      state.may_end = graph.may_end[s];
      for (const Counted::Step& step : graph.steps[s]) state.steps.push_back({value(step.node), step.to});
      items.states.push_back(std::move(state));
    }
    return graph.alive[0] ? store.concat({open, text.gap(), json_items(store, std::move(items))}) : kNothing;
  }
  const ExprId comma = store.concat({text.gap(), store.byte(','), text.gap()});
  const ExprId end = store.concat(text.gap(), close);
  const ExprId rest = value(shape.rest);
  const auto n_prefix = static_cast<uint32_t>(shape.prefix.size());
  // Items [n_prefix, ...), the first of which is item number `n_prefix`, then the end.
  const auto more = [&](uint32_t before) {
    const uint32_t min = shape.min > before ? shape.min - before : 0,
                   max = shape.max == kNoLimit ? kNoLimit : shape.max - before;
    return store.concat(store.repeat(store.concat(comma, rest), min, max), end);
  };
  const auto empty_or = [&](ExprId filled) {
    return store.concat({open, text.gap(), store.alt(shape.min == 0 ? close : kNothing, filled)});
  };
  if (n_prefix == 0) return empty_or(shape.max == 0 ? kNothing : store.concat(rest, more(1)));
  const uint32_t n = std::min(n_prefix, shape.max);  // prefix items that there can be
  ExprId tail = n < n_prefix ? end : more(n_prefix);
  for (uint32_t i = n; i-- > 0;) {
    const ExprId item = store.concat(value(shape.prefix[i]), tail);
    if (i == 0) return empty_or(item);
    tail = store.alt(i >= shape.min ? end : kNothing, store.concat(comma, item));
  }
  return empty_or(kNothing);
}

}  // namespace engine
