// SPDX-License-Identifier: Apache-2.0
// How many guesses are checked: simulated texts and machines, in steps of one second.
#include "engine/draft_budget.h"

#include <doctest/doctest.h>

#include <random>

namespace {

using engine::DraftBudget;

// Steps of `cost` for each guess in a check; guesses are right by `chance`, each offered `n_offered` at once behind `n_matched`.
struct World {
  double cost = 0.3, chance = 0.5;
  size_t n_matched = 5, n_offered = 16;
  bool seen = true;  // the first of what is not checked is compared
};

struct Told {
  double seconds = 0;
  int n_tokens = 0, n_checks = 0;
};

Told write(DraftBudget& budget, const World& world, int n_tokens, uint32_t seed) {
  std::mt19937 random(seed);
  const auto right = [&] { return std::uniform_real_distribution<>(0, 1)(random) < world.chance; };
  Told told;
  while (told.n_tokens < n_tokens) {
    const size_t n = budget.worth(world.n_matched, world.n_offered);
    REQUIRE(n <= world.n_offered);
    if (n == 0) {
      budget.took_plain(1.0);
      if (world.seen) budget.saw(world.n_matched, right());
      told.seconds += 1.0, ++told.n_tokens;
      continue;
    }
    size_t n_right = 0;
    while (n_right < n && right()) ++n_right;
    const double seconds = 1.0 + world.cost * static_cast<double>(n);
    budget.took_draft(world.n_matched, n, n_right, seconds);
    told.seconds += seconds, told.n_tokens += static_cast<int>(n_right) + 1, ++told.n_checks;
  }
  return told;
}

}  // namespace

TEST_CASE("draft budget: nothing before a plain step was timed, never more than is offered or wanted") {
  DraftBudget budget(16);
  CHECK(budget.worth(64, 16) == 0);
  budget.took_plain(1.0);
  CHECK(budget.worth(64, 16) > 0);
  CHECK(budget.worth(64, 0) == 0);
  CHECK(budget.worth(64, 1) == 1);
  DraftBudget none(0), one(1);
  none.took_plain(1.0), one.took_plain(1.0);
  CHECK(none.worth(64, 16) == 0);
  CHECK(one.worth(64, 16) == 1);
}

TEST_CASE("draft budget: long matches and cheap checks are believed further") {
  DraftBudget budget(16);
  budget.took_plain(1.0);
  CHECK(budget.worth(41, 16) >= budget.worth(3, 16));
  // A check that cost little, and all of it right.
  while (budget.worth(30, 16) < 16) {
    const size_t n = budget.worth(30, 16);
    REQUIRE(n > 0);
    budget.took_draft(30, n, n, 1.0 + 0.1 * static_cast<double>(n));
  }
  // Behind short matches nothing was right: the long ones are still believed.
  for (int i = 0; i < 60; ++i) budget.saw(3, false);
  CHECK(budget.worth(3, 16) == 0);
  CHECK(budget.worth(30, 16) == 16);
}

TEST_CASE("draft budget: where copies are right, most of what can be gained is gained") {
  for (const double cost : {0.05, 0.15, 0.3}) {
    CAPTURE(cost);
    DraftBudget budget(16);
    const Told told = write(budget, {cost, 0.97, 20}, 400, 3);
    // The best fixed length by the same chances.
    double best = 1, all = 1, expected = 1;
    for (int n = 1; n <= 16; ++n) {
      all *= 0.97, expected += all;
      best = std::max(best, expected / (1 + cost * n));
    }
    CHECK(told.n_tokens / told.seconds > 0.85 * best);
  }
}

TEST_CASE("draft budget: what is lost stays below one step and a hundredth of the tokens") {
  for (const double cost : {0.2, 0.5, 1.0})
    for (const double chance : {0.0, 0.1, 0.3})
      for (const bool seen : {true, false})
        for (const size_t n_matched : {DraftBudget::kInvented, size_t{3}, size_t{50}})
          for (uint32_t seed = 0; seed < 4; ++seed) {
            CAPTURE(cost);
            CAPTURE(chance);
            CAPTURE(seen);
            CAPTURE(n_matched);
            DraftBudget budget(16);
            const Told told = write(budget, {cost, chance, n_matched, 16, seen}, 600, seed);
            // The first check of a size may cost more than was thought: it begins within the bound and ends beyond.
            CHECK(told.seconds - told.n_tokens < 1.0 + 0.01 * told.n_tokens + 4 * cost);
          }
}

TEST_CASE("draft budget: guesses that were wrong and become right are found out without a check") {
  DraftBudget budget(16);
  static_cast<void>(write(budget, {0.3, 0.0, 8}, 300, 1));
  CHECK(budget.worth(8, 16) == 0);
  const Told told = write(budget, {0.3, 1.0, 8}, 300, 1);
  CHECK(told.n_checks > 10);
  CHECK(told.seconds < 0.6 * told.n_tokens);
}

TEST_CASE("draft budget: checks that stop paying stop, and are tried again when they are cheap") {
  DraftBudget budget(16);
  static_cast<void>(write(budget, {1.2, 0.8, 12}, 300, 1));
  const Told dear = write(budget, {1.2, 0.8, 12}, 300, 2);
  CHECK(dear.n_checks < 12);
  static_cast<void>(write(budget, {0.05, 0.8, 12}, 600, 3));
  const Told cheap = write(budget, {0.05, 0.8, 12}, 300, 4);
  CHECK(cheap.seconds < 0.5 * cheap.n_tokens);
}

TEST_CASE("draft budget: one check that the machine held up does not end drafts") {
  DraftBudget budget(16);
  static_cast<void>(write(budget, {0.1, 0.95, 20}, 100, 1));
  budget.took_draft(20, 8, 8, 500.0);
  const Told after = write(budget, {0.1, 0.95, 20}, 400, 2);
  CHECK(after.seconds < 0.5 * after.n_tokens);
}

TEST_CASE("draft budget: going back counts against drafts") {
  DraftBudget budget(16);
  static_cast<void>(write(budget, {0.1, 0.9, 20}, 100, 1));
  budget.cost_more(100.0);
  CHECK(budget.worth(20, 16) == 0);
}

TEST_CASE("draft budget: a check that was wrong teaches as much as one that was right") {
  DraftBudget budget(16);
  budget.took_plain(1.0);
  for (int i = 0; i < 60; ++i) budget.took_draft(41, 1, 0, 1.0);  // for nothing, so that only the chance speaks
  for (int i = 0; i < 40; ++i) budget.took_draft(3, 1, 1, 1.6);
  CHECK(budget.worth(3, 1) == 1);
  CHECK(budget.worth(41, 1) == 0);
}

TEST_CASE("draft budget: what was saved long ago excuses only so much") {
  DraftBudget budget(16);
  budget.took_plain(1.0);
  for (int i = 0; i < 10; ++i) budget.took_draft(30, 16, 16, 1.2);
  CHECK(budget.worth(30, 16) == 16);
  budget.cost_more(50.0);
  CHECK(budget.worth(30, 16) == 0);
}
