// SPDX-License-Identifier: Apache-2.0
// engine/constrain/automaton.h: a pushdown automaton over bytes, made deterministic as it is used.
//
// What     A state is everything that may still follow, in a normal form: a set of items, each an expression that is
//          being read and the stack of what follows once it is done. Stacks are shared and merged: one frame for all
//          calls of a rule at one place (as in a graph-structured stack), so that ambiguity costs no more than its
//          rules. Equal states have equal ids; where nothing nests there are finitely many, and reading a byte is two
//          loads.
// Owns     The rules' bodies (ids in the caller's ExprStore, which must outlive it) and all states.
// Threads  One at a time.
// Errors   LimitExceeded (expression.h).
// Source   Tomita, Efficient Parsing for Natural Language, 1985; Scott and Johnstone, GLL Parsing, 2010.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/constrain/expression.h"

namespace engine {

using StateId = uint32_t;
using StackId = uint32_t;
inline constexpr StateId kDeadState = 0;
inline constexpr StackId kBottom = 0;  // nothing follows

// `expr`, then what `below` stands for.
struct Item {
  ExprId expr;
  StackId below;
  friend bool operator==(const Item&, const Item&) = default;
  friend auto operator<=>(const Item&, const Item&) = default;
};

class Automaton {
 public:
  explicit Automaton(ExprStore& store) : store_(store) {
    states_.push_back({});
    stacks_.push_back({0, 0, kUnknown});
  }

  // Bodies may refer to rules that are defined later.
  RuleId add_rule() {
    bodies_.push_back(kNothing);
    return static_cast<RuleId>(bodies_.size() - 1);
  }
  // `body` must not have the empty string.
  void define(RuleId rule, ExprId body) { bodies_[rule] = body; }
  ExprId body(RuleId rule) const { return bodies_[rule]; }
  size_t n_rules() const { return bodies_.size(); }
  // After the last define(). A rule that can call itself before it has read a byte: its id.
  std::optional<RuleId> order_rules();

  StateId start(ExprId expr) { return state_of_items({{expr, kBottom}}); }
  // What follows once the frames above `stack` are done.
  StateId state_of_stack(StackId stack);
  StateId state_of_items(std::vector<Item> items) { return intern_state(closed(std::move(items))); }
  // `item` by itself, without the frames of rules that it may call first: those are items of their own.
  StateId alone(const Item& item) {
    return intern_state({{item}, store_.nullable(item.expr) && item.below == kBottom});
  }

  // kDeadState where no accepted string goes on like this.
  StateId next(StateId state, uint8_t byte) {
    State& s = states_[state];
    if (s.classes == kUnknown) prepare(state);
    const uint32_t to = targets_[states_[state].targets + classes_[states_[state].classes][byte]];
    return to != kUnknown ? to : make_target(state, byte);
  }
  // The states that next() has made until now, by a byte's class; kUnmadeState where it must be asked. Valid until
  // next() is called.
  struct Row {
    const uint8_t* classes;  // [256]
    const StateId* targets;  // by class
    StateId operator[](uint8_t byte) const { return targets[classes[byte]]; }
  };
  static constexpr StateId kUnmadeState = UINT32_MAX;
  Row row(StateId state) {
    if (states_[state].classes == kUnknown) prepare(state);
    return {classes_[states_[state].classes].data(), targets_.data() + states_[state].targets};
  }
  // Bytes of one class lead to one state.
  const std::array<uint8_t, 256>& classes(StateId state) {
    if (states_[state].classes == kUnknown) prepare(state);
    return classes_[states_[state].classes];
  }
  // Whether the empty string may follow.
  bool can_end(StateId state) const { return states_[state].can_end; }
  std::span<const Item> items(StateId state) const {
    return std::span<const Item>(items_).subspan(states_[state].begin, states_[state].size);
  }
  // The byte after which something is still accepted, where there is one alone.
  std::optional<uint8_t> only_byte(StateId state);

  size_t n_states() const { return states_.size(); }

 private:
  static constexpr uint32_t kUnknown = kUnmadeState;
  struct State {
    uint32_t begin = 0, size = 0;  // items_
    uint32_t classes = kUnknown;   // classes_
    uint32_t targets = 0;          // targets_, by class
    bool can_end = false;
  };
  struct Stack {
    uint32_t begin, size;  // stack_items_
    uint32_t state;        // what state_of_stack answers, or kUnknown
  };
  struct Closure {
    std::vector<Item> items;
    bool can_end = false;
  };

  Closure closed(std::vector<Item> items);
  StateId intern_state(Closure closure);
  StackId intern_stack(std::vector<Item> items);
  void merge(std::vector<Item>& items);
  void prepare(StateId state);
  StateId make_target(StateId state, uint8_t byte);

  ExprStore& store_;
  std::vector<ExprId> bodies_;
  std::vector<uint32_t> order_;  // by rule: callers at one place come before those they call
  std::vector<State> states_;
  std::vector<Item> items_;
  std::vector<Stack> stacks_;
  std::vector<Item> stack_items_;
  IdTable state_ids_;
  IdTable stack_ids_;
  std::vector<std::array<uint8_t, 256>> classes_;
  IdTable class_ids_;
  std::vector<uint32_t> targets_;
};

}  // namespace engine
