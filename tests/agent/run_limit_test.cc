// SPDX-License-Identifier: Apache-2.0
#include "agent/check/run_limit.h"

#include <doctest/doctest.h>

namespace {

using agent::CheckResult;
using agent::RunLimit;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

CheckResult ended(double took) {
  CheckResult result;
  result.seconds = took;
  return result;
}

CheckResult hung(double took, double last_output) {
  CheckResult result = ended(took);
  result.timed_out = true;
  result.last_output_seconds = last_output;
  return result;
}

}  // namespace

TEST_CASE("run limit: several times the first run, at least some seconds, never more than the user allows") {
  CHECK(RunLimit(ended(.1), false, minutes(1)).now() == seconds(3));
  CHECK(RunLimit(ended(2), false, minutes(1)).now() == seconds(12));
  CHECK(RunLimit(ended(30), false, minutes(1)).now() == minutes(1));
  CHECK(RunLimit(ended(.1), false, seconds(2)).now() == seconds(2));
  CHECK(RunLimit(ended(.1), false, seconds(2)).patient() == seconds(2));
  CHECK(RunLimit(ended(2), false, minutes(10)).patient() == seconds(60));
}

TEST_CASE(
    "run limit: a first run that was cold counts less once others have ended, but half of the limit stays its own") {
  RunLimit limit(ended(9), false, minutes(5));
  CHECK(limit.now() == seconds(54));
  for (int i = 0; i < 3; ++i) limit.saw(ended(.5), false);  // these may have ended early by breaking everything
  CHECK(limit.now() == seconds(18));
  limit.saw(ended(10), false);  // slower than any before: one run of its kind says little
  CHECK(limit.now() == seconds(20));
  limit.saw(ended(11), false);
  CHECK(limit.now() == seconds(60));
}

TEST_CASE("run limit: where candidates hang the next ones get less, but always what the runs that ended need") {
  RunLimit cold(ended(4.5), false, minutes(1));
  CHECK(cold.now() == seconds(27));
  cold.saw(hung(27, 0), false);
  CHECK(cold.now() == milliseconds(13'500));
  for (int i = 0; i < 5; ++i) cold.saw(hung(13, 0), false);
  CHECK(cold.now() == seconds(9));
  for (int i = 0; i < 3; ++i) cold.saw(ended(2), false);
  CHECK(cold.now() == seconds(6));
  cold.saw(ended(5), false);
  CHECK(cold.now() == seconds(10));
  RunLimit hangs(hung(60, 0), false, minutes(1));
  hangs.saw(ended(2), false);
  CHECK(hangs.now() == seconds(12));
  hangs.saw(hung(12, 0), false);
  CHECK(hangs.now() == seconds(6));
  RunLimit slow(ended(4), false, minutes(1));
  slow.saw(hung(24, 0), false);
  slow.saw(ended(9), false);
  CHECK(slow.now() >= seconds(18));
}

TEST_CASE("run limit: a build that failed says nothing of the tests; the first that gets to them does") {
  RunLimit limit(ended(.2), true, minutes(1));
  CHECK(limit.now() == minutes(1));
  limit.saw(ended(.2), true);
  CHECK(limit.now() == minutes(1));
  limit.saw(ended(.5), false);
  CHECK(limit.now() == seconds(10));
  limit.saw(ended(4), false);
  CHECK(limit.now() == seconds(24));
}

TEST_CASE("run limit: where the unchanged code hangs, its last output says how far its tests came") {
  CHECK(RunLimit(hung(60, 0), false, minutes(1)).now() == seconds(6));
  CHECK(RunLimit(hung(60, 2), false, minutes(1)).now() == seconds(12));
  CHECK(RunLimit(hung(60, 59.9), false, minutes(1)).now() == seconds(15));  // it writes for ever
  CHECK(RunLimit(hung(4, 0), false, seconds(4)).now() == seconds(3));
  RunLimit limit(hung(60, .2), false, minutes(1));
  limit.saw(hung(6, .2), false);
  CHECK(limit.now() == seconds(6));
  for (int i = 0; i < 3; ++i) limit.saw(ended(.4), false);
  CHECK(limit.now() == seconds(3));
}

TEST_CASE("run limit: a run that filled the memory is one that would not have ended") {
  CheckResult full = ended(25);
  full.out_of_memory = true;
  full.last_output_seconds = 2;
  CHECK(RunLimit(full, false, minutes(1)).now() == seconds(12));
  RunLimit limit(ended(.5), false, minutes(1));
  for (int i = 0; i < 4; ++i) limit.saw(full, false);  // says nothing of how long the tests take
  CHECK(limit.now() == seconds(3));
}

TEST_CASE(
    "run limit: what the traced run took beside hanging makes a limit of its own, longer once a candidate took "
    "longer") {
  RunLimit limit(hung(60, 0), false, minutes(1));
  limit.know_hang(.1, 0);
  CHECK(limit.now() == milliseconds(1500));
  CHECK(limit.patient() == milliseconds(7500));
  limit.saw(ended(1), false);
  CHECK(limit.now() == seconds(6));
  RunLimit slow(hung(60, 59.9), false, minutes(1));
  slow.know_hang(4, 0);
  CHECK(slow.now() == seconds(12));
  RunLimit ends(ended(2), false, minutes(1));
  ends.know_hang(.1, 0);  // it did not hang: its own time says more
  CHECK(ends.now() == seconds(12));
}

TEST_CASE("run limit: memory is bounded only where the unchanged code filled it and what it held before is known") {
  CheckResult full = ended(25);
  full.out_of_memory = true;
  RunLimit limit(full, false, minutes(1));
  CHECK(limit.memory() == 0);
  limit.know_hang(.2, 10u << 20);
  CHECK(limit.memory() == 128u << 20);
  limit.know_hang(.2, 400u << 20);
  CHECK(limit.memory() == 1600u << 20);
  RunLimit hangs(hung(60, 0), false, minutes(1));
  hangs.know_hang(.2, 400u << 20);
  CHECK(hangs.memory() == 0);
}

TEST_CASE(
    "run limit: a proof is one run with the patch and one without; of what hangs the second has several times the "
    "first") {
  const RunLimit ends(ended(10), false, minutes(1));
  CHECK(ends.proof(seconds(12)) >= seconds(22));
  CHECK(ends.proof(seconds(12)) <= seconds(40));
  CHECK(ends.unrepaired(seconds(12)) == minutes(1));
  const RunLimit hangs(hung(60, 0), false, minutes(1));
  CHECK(hangs.unrepaired(milliseconds(200)) == seconds(3));
  CHECK(hangs.unrepaired(seconds(2)) == seconds(10));
  CHECK(hangs.unrepaired(seconds(20)) == minutes(1));
  CHECK(hangs.proof(seconds(2)) >= seconds(12));
}

TEST_CASE("run limit: where a file is built again no candidate gets less than that takes, and more beside others") {
  RunLimit limit(ended(.02), false, minutes(1));
  CHECK(limit.now() == seconds(3));
  limit.saw(hung(3, 0), false);
  limit.know_rebuild(ended(20));
  CHECK(limit.now() == minutes(1));
  for (int i = 0; i < 3; ++i) limit.saw(ended(1), false);  // of files that are built sooner
  CHECK(limit.now() == seconds(40));
  CHECK(limit.proof() >= seconds(60));  // both of its runs build
  RunLimit soon(ended(.02), false, minutes(1));
  for (int i = 0; i < 2; ++i) soon.saw(hung(3, 0), false);
  soon.know_rebuild(ended(5));  // those two were not seen to hang
  CHECK(soon.now() == seconds(30));
  RunLimit never(ended(.02), false, minutes(1));
  never.know_rebuild(hung(60, 0));
  CHECK(never.now() == minutes(1));
}

TEST_CASE("run limit: a build again tells nothing where the unchanged code hangs or does not build") {
  for (const bool hangs : {true, false}) {
    RunLimit limit(hangs ? hung(60, 0) : ended(1), !hangs, minutes(1));
    CHECK_FALSE(limit.may_rebuild());
    const milliseconds before = limit.now();
    limit.know_rebuild(ended(59));
    CHECK(limit.now() == before);
  }
  CHECK(RunLimit(ended(1), false, minutes(1)).may_rebuild());
}
