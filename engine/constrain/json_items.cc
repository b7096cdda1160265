// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/json_items.h"

#include <algorithm>
#include <map>

namespace engine {
namespace {

class Graph : public Unfolding {
 public:
  Graph(JsonItems items, uint32_t family) : items_(std::move(items)), family_(family) {}

  bool nullable(uint32_t) const override { return false; }  // there is a bracket to come
  // State 0 is before all items; state s + 1 after an item that led to items_.states[s].
  ExprId unfold(ExprStore& store, uint32_t id) override {
    const JsonItems::State& state = items_.states[id == 0 ? 0 : id - 1];
    std::vector<ExprId> values;
    for (const JsonItems::Step& step : state.steps)
      values.push_back(store.concat(step.value, store.unfolding(family_, step.to + 1, true)));
    ExprId more = store.alt(std::move(values));
    if (id != 0) more = store.concat({store.byte(','), items_.gap, more});
    const ExprId all = store.alt(state.may_end ? store.byte(']') : kNothing, more);
    return id == 0 ? all : store.concat(items_.gap, all);
  }

 private:
  const JsonItems items_;
  const uint32_t family_;
};

using Used = std::vector<bool>;  // by value

const std::vector<uint32_t>& allowed(const JsonDistinctItems& items, size_t i) {
  return i < items.first.size() ? items.first[i] : items.rest;
}

// Whether items [n_used, items.min) can all be given values that are not used and differ: augmenting paths.
bool can_finish(const JsonDistinctItems& items, const Used& used) {
  const auto n_used = static_cast<size_t>(std::count(used.begin(), used.end(), true));
  if (items.min <= n_used) return true;
  if (items.min > items.values.size()) return false;
  if (n_used >= items.first.size())  // all are alike
    return items.min - n_used <= static_cast<size_t>(std::count_if(items.rest.begin(), items.rest.end(),
                                                                   [&](uint32_t v) { return !used[v]; }));
  constexpr size_t kFree = SIZE_MAX;
  std::vector<size_t> taken_by(items.values.size(), kFree);
  for (size_t first = n_used; first < items.min; ++first) {
    // Breadth first from item `first` to a value that is free; `from` says which item asked for a value.
    std::vector<size_t> from(items.values.size(), kFree), queue{first};
    size_t found = kFree;
    for (size_t k = 0; k < queue.size() && found == kFree; ++k)
      for (const uint32_t v : allowed(items, queue[k])) {
        if (used[v] || from[v] != kFree) continue;
        from[v] = queue[k];
        if (taken_by[v] == kFree) {
          found = v;
          break;
        }
        queue.push_back(taken_by[v]);
      }
    if (found == kFree) return false;
    // Along the path each item gives up its value for the one it asked for.
    for (size_t v = found;;) {
      const size_t item = from[v];
      size_t before = kFree;
      for (size_t w = 0; w < taken_by.size() && item != first; ++w)
        if (taken_by[w] == item && w != v) before = w;
      taken_by[v] = item;
      if (item == first) break;
      taken_by[before] = kFree;
      v = before;
    }
  }
  return true;
}

class Distinct : public Unfolding {
 public:
  Distinct(JsonDistinctItems items, uint32_t family) : items_(std::move(items)), family_(family) {
    state(Used(items_.values.size(), false));
  }

  bool nullable(uint32_t) const override { return false; }
  ExprId unfold(ExprStore& store, uint32_t id) override {
    const Used used = states_[id];
    const auto n_used = static_cast<size_t>(std::count(used.begin(), used.end(), true));
    std::vector<ExprId> values;
    if (n_used < items_.max)
      for (const uint32_t v : allowed(items_, n_used)) {
        if (used[v]) continue;
        Used next = used;
        next[v] = true;
        store.burn(1 + items_.values.size() / 16);
        if (can_finish(items_, next))
          values.push_back(store.concat(items_.values[v], store.unfolding(family_, state(std::move(next)), true)));
      }
    ExprId more = store.alt(std::move(values));
    if (n_used > 0) more = store.concat({store.byte(','), items_.gap, more});
    const ExprId all = store.alt(n_used >= items_.min ? store.byte(']') : kNothing, more);
    return n_used == 0 ? all : store.concat(items_.gap, all);
  }

 private:
  uint32_t state(Used used) {
    const auto [at, fresh] = ids_.try_emplace(used, static_cast<uint32_t>(states_.size()));
    if (fresh) states_.push_back(std::move(used));
    return at->second;
  }

  const JsonDistinctItems items_;
  const uint32_t family_;
  std::vector<Used> states_;
  std::map<Used, uint32_t> ids_;
};

}  // namespace

ExprId json_items(ExprStore& store, JsonItems items) {
  const uint32_t family = store.add_family(nullptr);
  store.set_family(family, std::make_unique<Graph>(std::move(items), family));
  return store.unfolding(family, 0, true);
}

bool can_be_distinct(const JsonDistinctItems& items) {
  return items.min <= items.max && can_finish(items, Used(items.values.size(), false));
}

ExprId json_distinct_items(ExprStore& store, JsonDistinctItems items) {
  if (!can_be_distinct(items)) return kNothing;
  const uint32_t family = store.add_family(nullptr);
  store.set_family(family, std::make_unique<Distinct>(std::move(items), family));
  return store.unfolding(family, 0, true);
}

}  // namespace engine
