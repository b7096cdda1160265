// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/json_members.h"

#include <algorithm>

namespace engine {
namespace {

class Members : public Unfolding {
 public:
  Members(JsonMembers members, uint32_t family) : m_(std::move(members)), family_(family) {
    state({std::vector<bool>(m_.named.size(), false), 0, 0});
  }

  bool nullable(uint32_t) const override { return false; }  // there is a brace to come
  ExprId unfold(ExprStore& store, uint32_t id) override {
    const State s = states_[id];
    const auto n_written = static_cast<uint32_t>(std::count(s.written.begin(), s.written.end(), true));
    const ExprId before = n_written + s.n_others == 0 ? kEmptyText : store.concat(store.byte(','), m_.gap);
    std::vector<std::pair<std::string_view, ExprId>> keys;
    for (size_t i = 0; i < m_.named.size(); ++i) {
      if (s.written[i]) continue;
      State next = s;
      next.written[i] = true;
      next.filled |= m_.named[i].fills;
      if (can_finish(next)) keys.push_back({m_.named[i].name, after_key(store, m_.named[i].value, next)});
    }
    std::vector<ExprId> parts{store.concat(before, store.one_of(std::move(keys)))};
    State next = s;
    ++next.n_others;
    if (!m_.others.empty() && can_finish(next)) {
      if (m_.max == kNoLimit) next.n_others = 1;  // one more says nothing new
      for (const JsonMembers::Other& other : m_.others) {
        State then = next;
        then.filled |= other.fills;
        parts.push_back(store.concat({before, other.key, after_key(store, other.value, then)}));
      }
    }
    if (s.filled == m_.wanted && n_missing(s) == 0 && n_written + std::min(s.n_others, 1u) >= m_.min)
      parts.push_back(store.byte('}'));
    return store.alt(std::move(parts));
  }
  // Whether a whole object can still come: what is missing fits.
  bool can_start() const { return can_finish(states_[0]); }

 private:
  struct State {
    std::vector<bool> written;
    uint32_t n_others = 0;
    unsigned filled = 0;
    auto operator<=>(const State&) const = default;
  };
  ExprId after_key(ExprStore& store, ExprId value, const State& next) {
    const ExprId rest = store.concat(m_.gap, store.unfolding(family_, state(next), true));
    return store.concat({m_.gap, store.byte(':'), m_.gap, value, rest});
  }
  // Members that must come because they, or those that need them, are there.
  uint32_t n_missing(const State& s) const {
    std::vector<bool> needed = s.written;
    std::vector<size_t> queue;
    for (size_t i = 0; i < needed.size(); ++i) {
      if (m_.named[i].required) needed[i] = true;
      if (needed[i]) queue.push_back(i);
    }
    for (size_t k = 0; k < queue.size(); ++k)
      for (const size_t other : m_.named[queue[k]].needs)
        if (!needed[other]) {
          needed[other] = true;
          queue.push_back(other);
        }
    return static_cast<uint32_t>(std::count(needed.begin(), needed.end(), true) -
                                 std::count(s.written.begin(), s.written.end(), true));
  }
  bool can_finish(const State& s) const {
    const auto n_written = static_cast<uint64_t>(std::count(s.written.begin(), s.written.end(), true));
    if (n_written + s.n_others + n_missing(s) > m_.max) return false;
    unsigned filled = s.filled;
    for (size_t i = 0; i < m_.named.size(); ++i) filled |= m_.named[i].fills;  // written, or can be
    for (const JsonMembers::Other& other : m_.others) filled |= other.fills;
    if (filled != m_.wanted) return false;
    // As many as are asked for can still be reached: each named one left adds one, the first of another name too.
    const bool other_counts = s.n_others == 0 && !m_.others.empty();
    const uint64_t room = m_.max == kNoLimit ? UINT32_MAX : m_.max - n_written - s.n_others;
    const uint64_t more = std::min<uint64_t>(room, m_.named.size() - n_written + (other_counts ? 1 : 0));
    return n_written + std::min(s.n_others, 1u) + more >= m_.min;
  }
  uint32_t state(const State& s) {
    const auto [at, fresh] = ids_.try_emplace(s, static_cast<uint32_t>(states_.size()));
    if (fresh) states_.push_back(s);
    return at->second;
  }

  const JsonMembers m_;
  const uint32_t family_;
  std::vector<State> states_;
  std::map<State, uint32_t> ids_;
};

}  // namespace

ExprId json_members(ExprStore& store, JsonMembers members) {
  const uint32_t family = store.add_family(nullptr);
  auto made = std::make_unique<Members>(std::move(members), family);
  const bool possible = made->can_start();
  store.set_family(family, std::move(made));
  return possible ? store.unfolding(family, 0, true) : kNothing;
}

}  // namespace engine
