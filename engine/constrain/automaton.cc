// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/automaton.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace engine {
namespace {

constexpr size_t kMaxStates = 2'000'000;  // about 200 MB

uint64_t hash_of(std::span<const Item> items, uint64_t seed) {
  uint64_t h = seed + items.size();
  for (const Item& item : items) {
    h ^= (uint64_t{item.expr} << 32 | item.below) + 0x9e3779b97f4a7c15U + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdU;
  }
  return h;
}

uint64_t hash_of(const std::array<uint8_t, 256>& classes) {
  uint64_t h = 0;
  for (size_t i = 0; i < classes.size(); i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, classes.data() + i, sizeof word);
    h = (h ^ word ^ h >> 32) * 0x9e3779b97f4a7c15U;
  }
  return h;
}

}  // namespace

std::optional<RuleId> Automaton::order_rules() {
  order_.assign(bodies_.size(), 0);
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> mark(bodies_.size(), kNew);
  struct Visit {
    RuleId rule;
    std::vector<RuleId> callees;
    size_t next = 0;
  };
  const auto visit_of = [&](RuleId rule) {
    Visit visit{rule, {}};
    for (const CallArc& arc : store_.calls(bodies_[rule])) visit.callees.push_back(arc.rule);
    return visit;
  };
  auto position = static_cast<uint32_t>(bodies_.size());
  for (RuleId first = 0; first < bodies_.size(); ++first) {
    if (mark[first] != kNew) continue;
    std::vector<Visit> path;
    path.push_back(visit_of(first));
    mark[first] = kOpen;
    while (!path.empty()) {
      Visit& top = path.back();
      if (top.next == top.callees.size()) {
        mark[top.rule] = kDone;
        order_[top.rule] = --position;
        path.pop_back();
        continue;
      }
      const RuleId callee = top.callees[top.next++];
      if (mark[callee] == kOpen) return callee;
      if (mark[callee] == kDone) continue;
      mark[callee] = kOpen;
      path.push_back(visit_of(callee));
    }
  }
  return std::nullopt;
}

// Items over one stack become one, in an order of their own.
void Automaton::merge(std::vector<Item>& items) {
  if (items.size() < 2) return;
  std::sort(items.begin(), items.end(),
            [](const Item& a, const Item& b) { return a.below != b.below ? a.below < b.below : a.expr < b.expr; });
  size_t kept = 0;
  for (size_t i = 0; i < items.size();) {
    std::vector<ExprId> exprs;
    const StackId below = items[i].below;
    for (; i < items.size() && items[i].below == below; ++i)
      if (exprs.empty() || exprs.back() != items[i].expr) exprs.push_back(items[i].expr);
    items[kept++] = {exprs.size() == 1 ? exprs[0] : store_.alt(std::move(exprs)), below};
  }
  items.resize(kept);
}

Automaton::Closure Automaton::closed(std::vector<Item> items) {
  Closure closure;
  // What is done makes way for what is below it, which is older: this ends.
  for (size_t i = 0; i < items.size(); ++i) {
    const Item item = items[i];
    store_.burn();
    if (!store_.nullable(item.expr)) continue;
    if (item.below == kBottom) {
      closure.can_end = true;
      continue;
    }
    const Stack& stack = stacks_[item.below];
    for (uint32_t k = 0; k < stack.size; ++k) {
      const Item below = stack_items_[stack.begin + k];
      if (std::find(items.begin(), items.end(), below) == items.end()) items.push_back(below);
    }
  }
  merge(items);
  // Calls, callers first: when a rule's frame is made, all who return to it are known.
  std::map<uint32_t, std::pair<RuleId, std::vector<Item>>> open;  // by order
  const auto collect = [&](const Item& item) {
    for (const CallArc& arc : store_.calls(item.expr)) {
      auto& [rule, callers] = open[order_[arc.rule]];
      rule = arc.rule;
      if (arc.then == kEmptyText && item.below != kBottom) {  // the last thing it does: return to where it would return
        const Stack& stack = stacks_[item.below];
        callers.insert(callers.end(), stack_items_.begin() + stack.begin,
                       stack_items_.begin() + stack.begin + stack.size);
      } else {
        callers.push_back({arc.then, item.below});
      }
    }
  };
  for (const Item& item : items) collect(item);
  while (!open.empty()) {
    auto [rule, callers] = std::move(open.begin()->second);
    open.erase(open.begin());
    std::erase_if(callers, [&](const Item& item) { return !store_.alive(item.expr); });
    if (callers.empty()) continue;
    merge(callers);
    const bool only_bottom = callers.size() == 1 && callers[0] == Item{kEmptyText, kBottom};
    const Item frame{bodies_[rule], only_bottom ? kBottom : intern_stack(std::move(callers))};
    items.push_back(frame);
    collect(frame);
  }
  std::erase_if(items, [&](const Item& item) { return store_.arcs(item.expr).empty(); });
  merge(items);
  closure.items = std::move(items);
  return closure;
}

StackId Automaton::intern_stack(std::vector<Item> items) {
  const uint64_t h = hash_of(items, 1);
  const auto known = stack_ids_.find(h, [&](StackId id) {
    const Stack& stack = stacks_[id];
    return stack.size == items.size() && std::equal(items.begin(), items.end(), stack_items_.begin() + stack.begin);
  });
  if (known) return *known;
  if (stacks_.size() >= kMaxStates) throw LimitExceeded{"memory"};
  store_.burn(2);
  const auto id = static_cast<StackId>(stacks_.size());
  stacks_.push_back({static_cast<uint32_t>(stack_items_.size()), static_cast<uint32_t>(items.size()), kUnknown});
  stack_items_.insert(stack_items_.end(), items.begin(), items.end());
  stack_ids_.add(h, id);
  return id;
}

StateId Automaton::intern_state(Closure closure) {
  if (closure.items.empty() && !closure.can_end) return kDeadState;
  const uint64_t h = hash_of(closure.items, closure.can_end ? 2 : 3);
  const auto known = state_ids_.find(h, [&](StateId id) {
    const State& state = states_[id];
    return state.can_end == closure.can_end && state.size == closure.items.size() &&
           std::equal(closure.items.begin(), closure.items.end(), items_.begin() + state.begin);
  });
  if (known) return *known;
  if (states_.size() >= kMaxStates) throw LimitExceeded{"memory"};
  store_.burn(2);
  const auto id = static_cast<StateId>(states_.size());
  State state;
  state.begin = static_cast<uint32_t>(items_.size());
  state.size = static_cast<uint32_t>(closure.items.size());
  state.can_end = closure.can_end;
  states_.push_back(state);
  items_.insert(items_.end(), closure.items.begin(), closure.items.end());
  state_ids_.add(h, id);
  return id;
}

StateId Automaton::state_of_stack(StackId stack) {
  if (stacks_[stack].state == kUnknown) {
    const Stack s = stacks_[stack];
    std::vector<Item> items(stack_items_.begin() + s.begin, stack_items_.begin() + s.begin + s.size);
    const StateId state = state_of_items(std::move(items));
    stacks_[stack].state = state;
  }
  return stacks_[stack].state;
}

void Automaton::prepare(StateId id) {
  const State state = states_[id];
  // Bytes that every item treats alike are one class.
  std::array<uint8_t, 256> classes{};
  std::vector<ByteSet> parts;
  for (uint32_t i = 0; i < state.size; ++i) {
    for (const Arc& arc : store_.arcs(items_[state.begin + i].expr)) {
      ByteSet rest = arc.bytes;
      const size_t n = i == 0 ? 0 : parts.size();  // one item's arcs do not overlap
      for (size_t k = 0; k < n && !rest.empty(); ++k) {
        const ByteSet shared = parts[k] & rest;
        if (shared.empty()) continue;
        rest = rest - shared;
        if (shared == parts[k]) continue;
        parts.push_back(parts[k] - shared);
        parts[k] = shared;
      }
      if (!rest.empty()) parts.push_back(rest);
    }
  }
  ByteSet covered;
  for (const ByteSet& part : parts) covered = covered | part;
  const size_t first_class = covered == ByteSet::all() ? 0 : 1;  // class 0: dead, where there are dead bytes
  for (size_t k = 0; k < parts.size(); ++k)
    parts[k].for_each([&](int byte) { classes[static_cast<size_t>(byte)] = static_cast<uint8_t>(first_class + k); });

  const uint64_t h = hash_of(classes);
  auto found = class_ids_.find(h, [&](uint32_t known) { return classes_[known] == classes; });
  if (!found) {
    found = static_cast<uint32_t>(classes_.size());
    classes_.push_back(classes);
    class_ids_.add(h, *found);
  }
  states_[id].targets = static_cast<uint32_t>(targets_.size());
  states_[id].classes = *found;
  if (first_class == 1) targets_.push_back(kDeadState);
  targets_.resize(targets_.size() + parts.size(), kUnknown);
  store_.burn(2);
}

StateId Automaton::make_target(StateId id, uint8_t byte) {
  const State state = states_[id];
  std::vector<Item> kernel;
  for (uint32_t i = 0; i < state.size; ++i) {
    const Item item = items_[state.begin + i];
    ExprId then = kNothing;
    for (const Arc& arc : store_.arcs(item.expr))
      if (arc.bytes.contains(byte)) {
        then = arc.then;
        break;
      }
    if (store_.alive(then)) kernel.push_back({then, item.below});
  }
  const StateId to = state_of_items(std::move(kernel));
  targets_[state.targets + classes_[state.classes][byte]] = to;
  return to;
}

std::optional<uint8_t> Automaton::only_byte(StateId state) {
  std::optional<uint8_t> only;
  for (int byte = 0; byte < 256; ++byte) {
    if (next(state, static_cast<uint8_t>(byte)) == kDeadState) continue;
    if (only) return std::nullopt;
    only = static_cast<uint8_t>(byte);
  }
  return only;
}

}  // namespace engine
