// SPDX-License-Identifier: Apache-2.0
#include "agent/fix/search.h"

#include <algorithm>
#include <functional>
#include <tuple>

#include "agent/fix/ranking.h"
#include "agent/fix/rebuild.h"
#include "agent/fix/run_lesson.h"
#include "base/log.h"
#include "base/strings.h"
#include "tools/syntax.h"

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxGrounds = 5;     // states that further changes start from
constexpr size_t kMaxApplied = 3;     // changes on top of one another
constexpr double kPartialShare = .7;  // a state that repaired a part, against the first one
constexpr double kBuildsShare = 20;   // a state that builds again: nothing else is worth a run before it
// After the first pass others are tried: as long again as all has taken until then, or a few runs where those take
// longer, within these limits.
constexpr int kLookRuns = 30, kFewRuns = 6;
constexpr milliseconds kShortestLook{2'000}, kLongestLook{30'000};
constexpr double kRemovesShare = .3, kTurnsShare = .1;  // of a score, among those that pass
constexpr double kNamedFloor = .15;  // of a repair's score that answers a message: others are hardly worth a run
constexpr size_t kRebuilds = 3;      // files whose compilation is measured: each takes a run
constexpr int kSecondTries = 2;      // of candidates that ran out of a short limit: few are slow, most loop for ever
// Of the whole time: the most that is kept for a proof that may never be needed, and for second tries.
constexpr int kProofPart = 3, kSecondTriesPart = 8;

constexpr size_t kHollowTold = 3;
constexpr size_t kLookedAhead = 20;  // candidates, to find as many states as may run side by side
constexpr double kBuildsAtFirst = 3;
constexpr double kVainShare = .2;  // of a change's value on a further ground, where it repaired nothing on another

// Where a byte of the text after `applied` stood before it.
size_t before(const Candidate& applied, const std::string& path, size_t at) {
  if (applied.path != path) return at;
  ptrdiff_t shift = 0;
  for (const tools::Replacement& replacement : applied.replacements) {
    const auto size = static_cast<ptrdiff_t>(replacement.text.size());
    if (static_cast<ptrdiff_t>(at) < static_cast<ptrdiff_t>(replacement.begin) + shift + size) break;
    shift += size - static_cast<ptrdiff_t>(replacement.end - replacement.begin);
  }
  return static_cast<size_t>(static_cast<ptrdiff_t>(at) - shift);
}

// The same for one change on whatever ground.
uint64_t change_key(const Candidate& candidate, const std::vector<Candidate>& applied) {
  std::string key = candidate.path;
  for (const tools::Replacement& replacement : candidate.replacements) {
    size_t at = replacement.begin;
    for (auto last = applied.rbegin(); last != applied.rend(); ++last) at = before(*last, candidate.path, at);
    key += base::cat("\n", at, " ", replacement.end - replacement.begin, " ", replacement.text);
  }
  return std::hash<std::string>{}(key);
}

}  // namespace

struct Search::Pool {
  Ground ground;
  std::vector<Candidate> candidates;
  std::vector<bool> done;
  double share = 1;  // divided by the sum of the scores
  std::map<std::pair<std::string, int>, double> line_factor;
  std::map<std::pair<std::string, size_t>, double> function_factor;
  std::vector<size_t> function;  // start of the function around each candidate
  std::vector<uint64_t> key;     // of each candidate: change_key

  double value(size_t i) const {
    const Candidate& candidate = candidates[i];
    double value = share * total_score(candidate);
    if (const auto known = line_factor.find({candidate.path, candidate.line}); known != line_factor.end())
      value *= known->second;
    if (const auto known = function_factor.find({candidate.path, function[i]}); known != function_factor.end())
      value *= known->second;
    return value;
  }
};

struct Search::Pick {
  Pool* pool = nullptr;
  size_t index = 0;
  double value = 0;
};

// A candidate whose run did not end.
struct Search::Unended {
  Overlay overlay;
  std::vector<Candidate> applied;
  double value;
  RunBounds bounds;
  bool filled;  // its memory, not its time

  bool had_less_than(const RunLimit& limit) const {
    return filled ? bounds.memory_bytes != 0 : bounds.wall < limit.patient();
  }
};

Search::Search(Checker& checker, const tools::FileSource& base, const PathResolver& resolver, Propose propose,
               Progress progress)
    : checker_(checker),
      base_(base),
      resolver_(resolver),
      propose_(std::move(propose)),
      progress_(std::move(progress)) {}

Search::~Search() = default;

base::Status Search::open_pool(Ground ground, double share, const Pool* parent, std::stop_token stop) {
  auto proposed = propose_(ground, stop);
  if (!proposed) return std::move(proposed).error();
  auto pool = std::make_unique<Pool>();
  pool->ground = std::move(ground);
  pool->candidates = std::move(*proposed);
  pool->done.resize(pool->candidates.size(), false);
  if (parent != nullptr) pool->line_factor = parent->line_factor;
  double sum = 0;
  std::map<std::string, std::vector<tools::Symbol>> symbols;
  for (const Candidate& candidate : pool->candidates) {
    sum += total_score(candidate);
    auto [known, is_new] = symbols.try_emplace(candidate.path);
    if (is_new) {
      const auto overlaid = pool->ground.overlay.find(candidate.path);
      auto text = overlaid != pool->ground.overlay.end() ? base::Result<std::string>(overlaid->second)
                                                         : base_.read(candidate.path);
      const auto language = tools::language_of_path(candidate.path);
      if (text && language)
        if (auto tree = tools::SyntaxTree::parse(*language, std::move(*text), stop)) known->second = tree->symbols();
    }
    size_t start = 0;
    for (const tools::Symbol& symbol : known->second)
      if (!candidate.replacements.empty() && symbol.range.begin <= candidate.replacements[0].begin &&
          candidate.replacements[0].begin < symbol.range.end)
        start = symbol.range.begin;
    pool->function.push_back(start);
    pool->key.push_back(change_key(candidate, pool->ground.applied));
  }
  pool->share = sum > 0 ? share / sum : 0;
  result_.candidates += static_cast<int>(pool->candidates.size());
  pools_.push_back(std::move(pool));
  return base::ok();
}

Search::Pick Search::best_pick() {
  Pick best;
  for (const auto& pool : pools_)
    for (size_t i = 0; i < pool->candidates.size(); ++i) {
      if (pool->done[i]) continue;
      const double hope = vain_.contains(pool->key[i]) ? kVainShare : 1;
      const double value = hope * pool->value(i) * builds_likely(pool->candidates[i]);
      if (best.pool == nullptr || value > best.value) best = {pool.get(), i, value};
    }
  return best;
}

// The share of runs that build among those of its kind, as if kBuildsAtFirst had been seen to.
double Search::builds_likely(const Candidate& candidate) const {
  if (!candidate.kind) return 1;
  const Builds& builds = builds_[static_cast<size_t>(*candidate.kind)];
  return (kBuildsAtFirst + builds.built) / (kBuildsAtFirst + builds.tried);
}

void Search::learn(Pool& pool, const Candidate& candidate, const CheckResult& result) {
  const CheckReading& before = pool.ground.reading;
  const CheckReading after = reading_of(result, resolver_);
  const Lesson lesson = lesson_of(before, after, result.endless());
  if (candidate.kind && !before.build_failed && !result.endless()) {
    Builds& builds = builds_[static_cast<size_t>(*candidate.kind)];
    ++builds.tried;
    if (!after.build_failed) ++builds.built;
  }
  auto scale = [](auto& table, const auto& key, double factor) {
    auto& value = table.try_emplace(key, 1.0).first->second;
    value = std::clamp(value * factor, .02, 6.0);
  };
  scale(pool.line_factor, std::pair{candidate.path, candidate.line}, lesson.line);
  const size_t index = static_cast<size_t>(&candidate - pool.candidates.data());
  scale(pool.function_factor, std::pair{candidate.path, pool.function[index]}, lesson.function);
}

base::Result<CheckResult> Search::run_limited(const Overlay& overlay, const Candidate& last, RunBounds bounds,
                                              std::stop_token stop) {
  checker_.set_bounds(bounds);
  auto result = checker_.run(overlay, stop);
  if (!result) return result;
  ++result_.checks;
  result_.timed_out += result->endless() ? 1 : 0;
  result_.longest_limit = std::max(result_.longest_limit, bounds.wall);
  base::log(base::LogLevel::kDebug, base::cat("check ", result_.checks, ": ", last.path, ":", last.line, " ",
                                              last.description, ": ", result->ending, " in ", result->seconds, " s of ",
                                              static_cast<double>(bounds.wall.count()) / 1000, " s"));
  return result;
}

// What the proof of the best patch so far leaves, or of one that may be found yet.
milliseconds Search::left_for_runs(const SearchBudget& budget, const RunLimit& limit) const {
  const auto whole = std::chrono::duration_cast<milliseconds>(budget.deadline - budget.started);
  milliseconds proof = std::min(limit.proof(), whole / kProofPart);
  if (!result_.winners.empty())
    proof = limit.proof(milliseconds(static_cast<int64_t>(1000 * result_.winners.front().result.seconds)));
  return std::chrono::duration_cast<milliseconds>(budget.deadline - budget.now()) - proof;
}

// Asked for at the moment of the first pass.
milliseconds Search::time_to_look(const SearchBudget& budget, const RunLimit& limit) const {
  const double passed = result_.winners.front().result.seconds;
  const milliseconds few(static_cast<int64_t>(1000 * kFewRuns * passed));
  const auto so_far = std::chrono::duration_cast<milliseconds>(budget.now() - budget.started);
  return std::min({std::max({few, so_far, kShortestLook}), kLongestLook, left_for_runs(budget, limit)});
}

milliseconds Search::time_for_second_tries(const SearchBudget& budget, const RunLimit& limit) const {
  const auto whole = std::chrono::duration_cast<milliseconds>(budget.deadline - budget.started);
  return std::min(kept_for_second_tries(limit) * limit.patient(), whole / kSecondTriesPart);
}

// The one that leaves the least; of equals the one that got further from message to message, then the first, which was
// the likeliest.
void Search::keep_partial(const std::vector<Candidate>& applied, const CheckReading& after) {
  const auto left = [](const CheckReading& reading, size_t n_changes) {
    return std::tuple(reading.build_failed, reading.build_failed ? reading.n_errors : 0, reading.failing.size(),
                      reading.build_failed ? kMaxApplied - n_changes : n_changes);
  };
  const std::optional<Partial>& known = result_.best_partial;
  if (known && left(known->after, known->changes.size()) <= left(after, applied.size())) return;
  Partial& best = result_.best_partial.emplace();
  for (const Candidate& part : applied)
    best.changes.push_back(base::cat(part.path, ":", part.line, " ", part.description));
  best.before = pools_.front()->ground.reading;
  best.after = after;
}

// The state that a candidate leads to; nothing where it changes nothing, or to what cannot be parsed.
base::Result<std::optional<Overlay>> Search::overlay_of(const Pick& pick) const {
  const Candidate& candidate = pick.pool->candidates[pick.index];
  Overlay overlay = pick.pool->ground.overlay;
  auto change = [&](const std::string& path,
                    const std::vector<tools::Replacement>& replacements) -> base::Result<bool> {
    auto present = overlay.contains(path) ? base::Result<std::string>(overlay[path]) : base_.read(path);
    if (!present) return std::move(present).error();
    std::string text = agent::apply(*present, replacements);
    if (text == *present || !tools::parse_gate(path, *present, text).passed) return false;
    overlay[path] = std::move(text);
    return true;
  };
  auto changed = change(candidate.path, candidate.replacements);
  for (const auto& [path, replacements] : candidate.also)
    if (changed && *changed) changed = change(path, replacements);
  if (!changed) return std::move(changed).error();
  if (!*changed) return std::optional<Overlay>();
  return std::optional(std::move(overlay));
}

// What the scores of this moment put next, whatever the run that comes now will teach.
void Search::expect_others() {
  std::vector<Overlay> expected;
  std::vector<Pick> passed_over;
  while (expected.size() + 1 < checker_.side_by_side() && passed_over.size() < kLookedAhead) {
    const Pick pick = best_pick();
    if (pick.pool == nullptr) break;
    pick.pool->done[pick.index] = true;
    passed_over.push_back(pick);
    auto next = overlay_of(pick);
    if (!next || !*next) continue;
    const auto tree = checker_.tree_of(**next);
    if (tree && !tried_trees_.contains(*tree)) expected.push_back(std::move(**next));
  }
  for (const Pick& pick : passed_over) pick.pool->done[pick.index] = false;
  checker_.expect(expected);
}

// Whether the pick ran out of its time while it was compiled, as far as a run of the unchanged code tells.
base::Result<bool> Search::was_compiling(const Pick& pick, RunLimit& limit, RunBounds had, milliseconds left,
                                         std::stop_token stop) {
  const std::string& path = pick.pool->candidates[pick.index].path;
  if (!is_compiled(path) || !limit.may_rebuild() || had.wall >= limit.allowed()) return false;
  if (rebuilt_.size() >= kRebuilds || !rebuilt_.insert(path).second) return false;
  if (progress_)
    progress_(base::cat("building ", path, " again, unchanged, to see how long that takes"), result_.checks,
              result_.candidates);
  auto rebuilt = run_rebuilt(checker_, base_, path, std::min(left, limit.allowed()), stop);
  if (!rebuilt) return std::move(rebuilt).error();
  if (!*rebuilt) return false;
  limit.know_rebuild(**rebuilt);
  return limit.now() > had.wall;
}

// Runs the check on the picked candidate. False: it was not worth a run (does not parse, or leads to a known tree).
base::Result<bool> Search::try_pick(const Pick& pick, RunLimit& limit, milliseconds left, std::stop_token stop) {
  Pool& pool = *pick.pool;
  pool.done[pick.index] = true;
  const Candidate& candidate = pool.candidates[pick.index];
  auto changed = overlay_of(pick);
  if (!changed) return std::move(changed).error();
  if (!*changed) return false;
  Overlay overlay = std::move(**changed);
  auto tree = checker_.tree_of(overlay);
  if (!tree) return std::move(tree).error();
  if (!tried_trees_.insert(*tree).second) return false;
  if (progress_)
    progress_(base::cat(result_.winners.empty() ? "" : "one passes, looking for others: ", candidate.path, ":",
                        candidate.line, " ", candidate.description),
              result_.checks, result_.candidates);
  RunBounds bounds = limit.next();
  bounds.wall = std::min(bounds.wall, left);
  checker_.set_bounds(bounds);
  if (checker_.side_by_side() > 1) expect_others();
  auto result = run_limited(overlay, candidate, bounds, stop);
  if (!result) return std::move(result).error();
  if (result->timed_out) {
    auto compiling = was_compiling(pick, limit, bounds, left, stop);
    if (!compiling) return std::move(compiling).error();
    if (*compiling) {  // its turn comes again
      pool.done[pick.index] = false;
      tried_trees_.erase(*tree);
      return true;
    }
  }
  std::vector<Candidate> applied = pool.ground.applied;
  applied.push_back(candidate);
  if (result->passed) {
    result_.winners.push_back({std::move(overlay), std::move(applied), std::move(*result), pick.value * pool.ground.likely});
    return true;
  }
  if (!result->hollow.empty()) {
    vain_.insert(pool.key[pick.index]);
    if (result_.hollow.size() < kHollowTold)
      result_.hollow.push_back(base::cat("no repair: with ", candidate.path, ":", candidate.line, " ",
                                         candidate.description, " the check ended with ", result->ending));
    return true;
  }
  learn(pool, candidate, *result);
  if (result->endless()) {
    limit.saw(*result, false);
    vain_.insert(pool.key[pick.index]);
    unended_.push_back({std::move(overlay), std::move(applied), pick.value, bounds, result->out_of_memory});
    return true;
  }
  CheckReading reading = reading_of(*result, resolver_);
  limit.saw(*result, reading.build_failed);
  const CheckReading& before = pool.ground.reading;
  if (!is_partial(before, reading) && !is_next_message(candidate, before, reading)) {
    vain_.insert(pool.key[pick.index]);
    return true;
  }
  keep_partial(applied, reading);
  if (applied.size() >= kMaxApplied || pools_.size() >= kMaxGrounds) return true;
  const double share = before.build_failed && !reading.build_failed ? kBuildsShare : kPartialShare;
  const double likely = pool.ground.likely * std::min(1., total_score(candidate) / std::max(1e-12, total_score(pool.candidates.front())));
  if (base::Status opened = open_pool(
          {std::move(overlay), std::move(applied), std::move(reading), std::move(result->output), likely}, share, &pool, stop);
      !opened)
    return std::move(opened).error();
  return true;
}

// Of those that pass, the narrower change comes before one of like score that turns a whole condition round: what
// passes with a condition as well as with its opposite does not look at it.
void Search::rank_winners() {
  auto worth = [](const Winner& winner) {
    double value = winner.score;
    for (const Candidate& part : winner.applied) {
      if (part.removes_code) value *= kRemovesShare;
      if (part.turns_condition) value *= kTurnsShare;
    }
    return value / static_cast<double>(winner.applied.size());
  };
  std::stable_sort(result_.winners.begin(), result_.winners.end(),
                   [&](const Winner& a, const Winner& b) { return worth(a) > worth(b); });
}

int Search::kept_for_second_tries(const RunLimit& limit) const {
  if (!result_.winners.empty()) return 0;
  const auto shorter = [&](const Unended& one) { return one.had_less_than(limit); };
  return static_cast<int>(
      std::min<std::ptrdiff_t>(kSecondTries, std::count_if(unended_.begin(), unended_.end(), shorter)));
}

base::Status Search::try_again(const SearchBudget& budget, const RunLimit& limit, std::stop_token stop) {
  std::stable_sort(unended_.begin(), unended_.end(),
                   [](const Unended& a, const Unended& b) { return a.value > b.value; });
  int n = kept_for_second_tries(limit);
  // No more than was kept for them: where the runs ended before the time, that is not theirs.
  const auto end = budget.now() + time_for_second_tries(budget, limit);
  for (Unended& one : unended_) {
    if (n <= 0 || result_.checks >= budget.checks) break;
    if (!one.had_less_than(limit)) continue;
    const milliseconds left = left_for_runs(budget, limit);
    if (left < limit.least()) {
      result_.out_of_time = true;
      break;
    }
    const auto share = std::chrono::duration_cast<milliseconds>(end - budget.now());
    if (!one.filled && share <= one.bounds.wall) break;  // no more than it had
    --n;
    const Candidate& last = one.applied.back();
    if (progress_)
      progress_(base::cat("again, with more time: ", last.path, ":", last.line, " ", last.description), result_.checks,
                result_.candidates);
    auto result =
        run_limited(one.overlay, last, {std::min({limit.patient(), left, std::max(share, limit.now())})}, stop);
    if (!result) return std::move(result).error();
    if (!result->passed) continue;
    result_.winners.push_back({std::move(one.overlay), std::move(one.applied), std::move(*result), one.value});
    break;
  }
  return base::ok();
}

base::Result<SearchResult> Search::run(Ground start, const SearchBudget& budget, std::stop_token stop) {
  tried_trees_.insert("base");
  if (base::Status opened = open_pool(std::move(start), 1, nullptr, stop); !opened) return std::move(opened).error();
  RunLimit limit = budget.limit;
  rebuilt_ = budget.rebuilt;
  int last_check = budget.checks;
  double floor = 0;
  SearchBudget::Clock::time_point look_until;
  milliseconds passing{0};  // what a run that passes takes
  while (result_.checks < last_check - kept_for_second_tries(limit)) {
    if (stop.stop_requested()) return base::cancelled();
    milliseconds left = left_for_runs(budget, limit) - time_for_second_tries(budget, limit);
    const bool looking = !result_.winners.empty();
    if (looking) left = std::min(left, std::chrono::duration_cast<milliseconds>(look_until - budget.now()));
    if (left < (looking ? passing : limit.least())) {
      result_.out_of_time = !looking;
      break;
    }
    const Pick pick = best_pick();
    if (pick.pool == nullptr || pick.value <= floor) break;
    const int ended = result_.checks - result_.timed_out;
    auto ran = try_pick(pick, limit, left, stop);
    if (!ran) return std::move(ran).error();
    if (looking) result_.others_tried += result_.checks - result_.timed_out - ended;
    if (looking || result_.winners.empty()) continue;
    last_check = std::min(budget.checks, result_.checks + kLookRuns);
    const Winner& first = result_.winners.front();
    if (first.applied.back().proposer.starts_with("diagnostic")) floor = kNamedFloor * first.score;
    look_until = budget.now() + time_to_look(budget, limit);
    passing = milliseconds(static_cast<int64_t>(1000 * first.result.seconds) + 1);
  }
  if (result_.winners.empty())
    if (base::Status again = try_again(budget, limit, stop); !again) return std::move(again).error();
  rank_winners();
  return std::move(result_);
}

}  // namespace agent
