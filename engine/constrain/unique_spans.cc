// SPDX-License-Identifier: Apache-2.0
#include "engine/constrain/unique_spans.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <tuple>

#include "base/strings.h"

namespace engine {

class UniqueSpans::Family : public Unfolding {
 public:
  // `after`: empty where nothing follows.
  Family(std::string_view text, uint32_t max_lines, uint32_t family, AfterSpan after)
      : text_(text), max_lines_(max_lines), family_(family), after_(std::move(after)) {
    lines_ = base::split_lines(text_);
    sort_starts();
    find_needed();
    bounds_.push_back(bound(0));
  }
  ExprId from(ExprStore& store, uint32_t first_line, uint32_t tag) {
    uint32_t b = 0;
    if (first_line > 0) {
      const auto [at, fresh] = bound_ids_.try_emplace(first_line, static_cast<uint32_t>(bounds_.size()));
      b = at->second;
      if (fresh) {
        store.burn(n_lines() / 64);
        bounds_.push_back(bound(first_line));
      }
    }
    const State all{0, n_lines(), 0, 0, b, tag};
    return useful(all, 0, n_lines()) ? store.unfolding(family_, state(all), false) : kNothing;
  }

  bool nullable(uint32_t id) const override { return !after_ && ended(states_[id]) != kNone; }
  ExprId unfold(ExprStore& store, uint32_t id) override {
    const State s = states_[id];
    std::vector<ExprId> parts;
    if (const uint32_t start = ended(s); start != kNone)
      parts.push_back(after_ ? after_(start, s.line + 1, s.tag) : kEmptyText);
    for (uint32_t at = s.begin; at < s.end;) {
      const int byte = next_byte(s, at);
      const auto [begin, end] = going_on_with(s, byte);
      at = end;
      State next{begin, end, s.line, s.column + 1, s.bound, s.tag};
      if (byte == '\n') {
        // Of those whose line ends here, the text's last line has no next one; it sorts first.
        if (starts_[begin] + s.line + 1 == n_lines()) ++next.begin;
        next.line = s.line + 1;
        next.column = 0;
        if (next.line >= max_lines_) continue;
      }
      if (useful(next, next.begin, next.end))
        parts.push_back(store.concat(store.byte(byte), store.unfolding(family_, state(next), false)));
    }
    return store.alt(std::move(parts));
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  // The starts [begin, end) of starts_, which agree in `line` lines and `column` bytes of the next.
  struct State {
    uint32_t begin, end, line, column;
    uint32_t bound, tag;  // as from() was asked
    auto operator<=>(const State&) const = default;
  };
  // Spans begin at `first_line` or later. n_useful[i]: of the first i starts, those with such a span within the limit that occurs once.
  struct Bound {
    uint32_t first_line;
    std::vector<uint32_t> n_useful;
  };
  uint32_t n_lines() const { return static_cast<uint32_t>(lines_.size()); }

  // The line at which the one span begins that was read to its end; kNone where there is none.
  uint32_t ended(const State& s) const {
    if (s.line == 0 && s.column == 0) return kNone;
    const auto [begin, end] = going_on_with(s, '\n');
    return end - begin == 1 && starts_[begin] >= bounds_[s.bound].first_line ? starts_[begin] : kNone;
  }

  void sort_starts() {
    // Lines by their order with the line break, which no line holds: so the order of lines' numbers is the order of
    // bytes.
    const auto before = [](std::string_view a, std::string_view b) {
      const size_t n = std::min(a.size(), b.size());
      if (const int order = a.substr(0, n).compare(b.substr(0, n)); order != 0) return order < 0;
      const int x = a.size() > n ? static_cast<unsigned char>(a[n]) : '\n',
                y = b.size() > n ? static_cast<unsigned char>(b[n]) : '\n';
      return x < y;
    };
    std::vector<std::string_view> sorted(lines_.begin(), lines_.end());
    std::sort(sorted.begin(), sorted.end(), before);
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    rank_.resize(lines_.size());
    for (size_t i = 0; i < lines_.size(); ++i)
      rank_[i] =
          static_cast<uint32_t>(std::lower_bound(sorted.begin(), sorted.end(), lines_[i], before) - sorted.begin()) + 1;
    number_ = rank_;
    starts_.resize(lines_.size());
    std::iota(starts_.begin(), starts_.end(), 0);
    std::vector<uint32_t> next(lines_.size());
    for (uint32_t length = 1;; length *= 2) {  // sorted by `length` lines; 0 where there is none
      const auto key = [&](uint32_t start) {
        return std::pair(rank_[start], start + length < n_lines() ? rank_[start + length] : 0u);
      };
      std::sort(starts_.begin(), starts_.end(), [&](uint32_t a, uint32_t b) { return key(a) < key(b); });
      uint32_t rank = 0;
      for (size_t i = 0; i < starts_.size(); ++i) {
        if (i == 0 || key(starts_[i]) != key(starts_[i - 1])) ++rank;
        next[starts_[i]] = rank;
      }
      rank_ = next;
      if (rank == n_lines() || length >= n_lines()) break;
    }
  }

  // needed_[i]: lines that a span must have to begin at starts_[i] alone; kNone where the limit or the text ends before.
  void find_needed() {
    const uint32_t n = n_lines();
    std::vector<uint32_t> shared(n + 1, 0);  // lines that starts i - 1 and i have in common
    uint32_t common = 0;
    for (uint32_t start = 0; start < n; ++start) {
      const uint32_t at = rank_[start] - 1;
      if (at == 0) {
        common = 0;
        continue;
      }
      const uint32_t other = starts_[at - 1];
      while (start + common < n && other + common < n && number_[start + common] == number_[other + common]) ++common;
      shared[at] = common;
      if (common > 0) --common;
    }
    needed_.assign(n, kNone);
    for (uint32_t i = 0; i < n; ++i) {
      uint32_t needed = 1 + std::max(shared[i], i + 1 < n ? shared[i + 1] : 0);
      if (needed == 1 && lines_[starts_[i]].empty()) needed = 2;  // an empty line alone is no span
      if (needed <= std::min(max_lines_, n - starts_[i])) needed_[i] = needed;
    }
  }
  Bound bound(uint32_t first_line) const {
    Bound made{first_line, std::vector<uint32_t>(n_lines() + 1, 0)};
    for (uint32_t i = 0; i < n_lines(); ++i)
      made.n_useful[i + 1] = made.n_useful[i] + (needed_[i] != kNone && starts_[i] >= first_line ? 1 : 0);
    return made;
  }
  bool useful(const State& s, uint32_t begin, uint32_t end) const {
    const std::vector<uint32_t>& n = bounds_[s.bound].n_useful;
    return begin < end && n[end] > n[begin];
  }

  int next_byte(const State& s, uint32_t i) const {
    const std::string_view line = lines_[starts_[i] + s.line];
    return s.column < line.size() ? static_cast<unsigned char>(line[s.column]) : '\n';
  }
  // Where in the range of `s` the next byte is `byte`.
  std::pair<uint32_t, uint32_t> going_on_with(const State& s, int byte) const {
    const auto first_not = [&](auto holds) {
      uint32_t low = s.begin, high = s.end;
      while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (holds(next_byte(s, middle)))
          low = middle + 1;
        else
          high = middle;
      }
      return low;
    };
    return {first_not([&](int b) { return b < byte; }), first_not([&](int b) { return b <= byte; })};
  }
  uint32_t state(const State& s) {
    const auto [at, fresh] = ids_.try_emplace(s, static_cast<uint32_t>(states_.size()));
    if (fresh) states_.push_back(s);
    return at->second;
  }

  const std::string text_;
  const uint32_t max_lines_, family_;
  const AfterSpan after_;
  std::vector<std::string_view> lines_;
  std::vector<uint32_t> number_, rank_,
      starts_;  // by line: equal lines have equal numbers; its place in starts_, from 1
  std::vector<uint32_t> needed_;
  std::vector<Bound> bounds_;  // the first: all starts
  std::map<uint32_t, uint32_t> bound_ids_;
  std::vector<State> states_;
  std::map<State, uint32_t> ids_;
};

UniqueSpans::UniqueSpans(ExprStore& store, std::string_view text, uint32_t max_lines, AfterSpan after) : store_(store) {
  const uint32_t id = store.add_family(nullptr);
  auto made = std::make_unique<Family>(text, max_lines, id, std::move(after));
  family_ = made.get();
  store.set_family(id, std::move(made));
}

ExprId UniqueSpans::from(uint32_t first_line, uint32_t tag) {
  return family_->from(store_, first_line, tag);
}

ExprId unique_spans(ExprStore& store, std::string_view text, uint32_t max_lines) {
  return UniqueSpans(store, text, max_lines, nullptr).from(0, 0);
}

}  // namespace engine
