// SPDX-License-Identifier: Apache-2.0
// Line operations as a language: a file by its hash, then operations in the order of its lines. Numbers are read digit by digit; the
// lines that they mean follow by themselves.
#include <algorithm>
#include <memory>

#include "engine/constrain/edit_parts.h"

namespace engine {
namespace {

class LineOps : public Unfolding {
 public:
  LineOps(ExprStore& store, std::vector<GrammarFile> files, uint32_t max_lines, uint32_t family)
      : files_(std::move(files)), max_lines_(max_lines), family_(family), named_(files_.size()) {
    new_lines_ = store.repeat(store.concat(store.byte('+'), new_line(store, kNothing)), 1, kNoLimit);
  }
  ExprId whole(ExprStore& store) { return files_left(store, 0); }

  bool nullable(uint32_t id) const override { return states_[id].kind == Kind::kAfterOp; }
  ExprId unfold(ExprStore& store, uint32_t id) override {
    const State s = states_[id];
    switch (s.kind) {
      case Kind::kOp:
        return operations(store, s);
      case Kind::kFirst:
      case Kind::kLast:
        return number(store, s);
      case Kind::kAfterOp:
        break;
    }
    ExprId more = files_left(store, s.named);
    if (s.from <= n_lines(s)) more = store.alt(more, operations(store, s));
    return store.optional(store.concat(store.byte('\n'), more));
  }

 private:
  enum class Kind { kOp, kFirst, kLast, kAfterOp };
  enum class Verb { kReplace, kDelete, kInsertAfter, kInsertBefore };
  // Lines are counted from 1. `from`: the first that an operation may show. kFirst, kLast: digits that make `digits` are read of the
  // first or last line of `verb`; of kLast, `from` is the first.
  struct State {
    Kind kind;
    uint32_t file, named, from;
    bool inserted;  // text was put in front of `from` already
    Verb verb = Verb::kReplace;
    uint32_t digits = 0;
    auto operator<=>(const State&) const = default;
  };

  uint32_t n_lines(const State& s) const { return static_cast<uint32_t>(files_[s.file].lines.size()); }
  ExprId in_state(ExprStore& store, const State& s) {
    const auto [at, fresh] = ids_.try_emplace(s, static_cast<uint32_t>(states_.size()));
    if (fresh) states_.push_back(s);
    return store.unfolding(family_, at->second, false);
  }
  ExprId files_left(ExprStore& store, uint32_t named) {
    std::vector<std::pair<std::string, ExprId>> heads;
    for (size_t f = 0; f < files_.size(); ++f) {
      if (named_.has(named, f) || files_[f].lines.empty()) continue;
      const State first{Kind::kOp, static_cast<uint32_t>(f), named_.with(named, f), 1, false};
      heads.push_back({"file " + files_[f].path + " " + files_[f].hash + "\n", in_state(store, first)});
    }
    return one_of(store, heads);
  }
  ExprId operations(ExprStore& store, const State& s) {
    std::vector<std::pair<std::string_view, ExprId>> verbs;
    const auto add = [&](std::string_view words, Verb verb, uint32_t from) {
      if (from <= n_lines(s))
        verbs.push_back({words, in_state(store, {Kind::kFirst, s.file, s.named, from, s.inserted, verb})});
    };
    add("replace ", Verb::kReplace, s.from);
    add("delete ", Verb::kDelete, s.from);
    add("insert after ", Verb::kInsertAfter, s.from);
    add("insert before ", Verb::kInsertBefore, s.from + (s.inserted ? 1 : 0));
    return store.one_of(std::move(verbs));
  }

  // The lines that a number may name now.
  std::pair<uint32_t, uint32_t> range_of(const State& s) const {
    if (s.kind == Kind::kFirst) return {s.from, n_lines(s)};
    return {s.from + 1, static_cast<uint32_t>(std::min<uint64_t>(n_lines(s), uint64_t{s.from} + max_lines_ - 1))};
  }
  // Whether some number that begins with the digits of `value` lies in [low, high].
  static bool begins_one_of(uint64_t value, uint64_t low, uint64_t high) {
    for (uint64_t first = value, n = 1; first <= high; first *= 10, n *= 10)
      if (first + n - 1 >= low) return true;
    return false;
  }
  ExprId number(ExprStore& store, const State& s) {
    const auto [low, high] = range_of(s);
    std::vector<ExprId> parts;
    for (uint32_t digit = s.digits == 0 ? 1 : 0; digit < 10; ++digit) {
      const uint64_t value = uint64_t{s.digits} * 10 + digit;
      if (!begins_one_of(value, low, high)) continue;
      State next = s;
      next.digits = static_cast<uint32_t>(value);
      parts.push_back(store.concat(store.byte(static_cast<int>('0' + digit)), in_state(store, next)));
    }
    if (s.digits >= low && s.digits <= high) {
      const uint32_t first = s.kind == Kind::kFirst ? s.digits : s.from;
      parts.push_back(lines_of(store, s, first, s.digits));
      State last = s;
      last.kind = Kind::kLast;
      last.from = first;
      last.digits = 0;
      const bool takes_many = s.kind == Kind::kFirst && (s.verb == Verb::kReplace || s.verb == Verb::kDelete);
      if (const auto [a, b] = range_of(last); takes_many && a <= b)
        parts.push_back(store.concat(store.byte('-'), in_state(store, last)));
    }
    return store.alt(std::move(parts));
  }
  // The end of the operation's line, and all lines below it.
  ExprId lines_of(ExprStore& store, const State& s, uint32_t first, uint32_t last) {
    const auto marked = [&](char mark) {
      std::string text;
      for (uint32_t i = first; i <= last; ++i) ((text += mark).append(files_[s.file].lines[i - 1])) += '\n';
      return text;
    };
    const ExprId begin = store.byte('\n');
    const ExprId end = in_state(store, {Kind::kAfterOp, s.file, s.named, last + 1, s.verb == Verb::kInsertAfter});
    switch (s.verb) {
      case Verb::kReplace:
        return store.concat({begin, store.text(marked('-')), other_than(store, new_lines_, marked('+')), end});
      case Verb::kDelete:
        return store.concat({begin, store.text(marked('-')), end});
      case Verb::kInsertAfter:
        return store.concat({begin, store.text(marked(' ')), new_lines_, end});
      case Verb::kInsertBefore:
        return store.concat({begin, new_lines_, store.text(marked(' ')), end});
    }
    return kNothing;
  }

  const std::vector<GrammarFile> files_;
  const uint32_t max_lines_, family_;
  NamedFiles named_;
  ExprId new_lines_ = kNothing;
  std::vector<State> states_;
  std::map<State, uint32_t> ids_;
};

}  // namespace

ExprId line_op_edits(ExprStore& store, std::vector<GrammarFile> files, uint32_t max_lines) {
  const uint32_t family = store.add_family(nullptr);
  auto made = std::make_unique<LineOps>(store, std::move(files), max_lines, family);
  LineOps& edits = *made;
  store.set_family(family, std::move(made));
  return edits.whole(store);
}

}  // namespace engine
