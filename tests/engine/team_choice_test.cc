// SPDX-License-Identifier: Apache-2.0
// TeamChoice on steps of made-up lengths.
#include <doctest/doctest.h>

#include "engine/thread_pool.h"

namespace {

using engine::TeamChoice;

struct Lengths {
  double team, alone;  // seconds of a step
};

// Of `n_steps` steps those that one thread worked alone in.
int steps_alone(TeamChoice& choice, Lengths lengths, int n_steps, int64_t n_tokens = 1) {
  int n_alone = 0;
  for (int i = 0; i < n_steps; ++i) {
    const bool alone = choice.alone();
    n_alone += alone ? 1 : 0;
    choice.took(alone ? lengths.alone : lengths.team, n_tokens);
  }
  return n_alone;
}

}  // namespace

TEST_CASE("team choice: takes what is faster, and tries the other now and then") {
  TeamChoice fast_alone, fast_together;
  CHECK(steps_alone(fast_alone, {.002, .001}, 1000) > 900);
  const int tries = steps_alone(fast_together, {.001, .0018}, 1000);
  CHECK(tries > 0);
  CHECK(tries < 100);
}

TEST_CASE("team choice: one thread is never tried in long steps") {
  TeamChoice choice;
  CHECK(steps_alone(choice, {.5, .9}, 500) <= 1);
}

TEST_CASE("team choice: a team that waits for busy cores is left, and comes back when they are free") {
  for (const int64_t n_tokens : {1, 300}) {
    TeamChoice choice;
    steps_alone(choice, {.005, .009}, 100, n_tokens);
    CHECK(steps_alone(choice, {.06, .009}, 200, n_tokens) > 150);
    steps_alone(choice, {.005, .009}, 400, n_tokens);
    CHECK(steps_alone(choice, {.005, .009}, 200, n_tokens) < 40);
  }
}
