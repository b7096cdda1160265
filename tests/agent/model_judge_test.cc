// SPDX-License-Identifier: Apache-2.0
// The shipped model's opinion of edits of a small program.
#include "agent/fix/model_judge.h"

#include <doctest/doctest.h>

#include <cmath>
#include <optional>

#include "agent/fix/ranking.h"
#include "base/strings.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

namespace {

const std::string kProgram =
    "def largest(values):\n"
    "    best = values[0]\n"
    "    for value in values:\n"
    "        if value < best:\n"
    "            best = value\n"
    "    return value\n";

struct Judged {
  Judged() {
    folder.write("largest.py", kProgram);
    tree.emplace(*tools::WorkTree::open(folder.path()));
    code.emplace(*agent::CodeBase::load(*tree, "python3 -m pytest", {}, {}));
    auto model =
        engine::Engine::load(std::filesystem::path(GRAFT_SOURCE_DIR) / "models/graft-tiny.gguf", {.n_threads = 2});
    REQUIRE(model);
    auto opened = agent::ModelJudge::open(*model);
    REQUIRE(opened);
    judge = std::move(*opened);
  }

  // `from`, where it stands last, becomes `to`.
  static agent::Candidate change(const std::string& from, const std::string& to) {
    const size_t at = kProgram.rfind(from);
    REQUIRE(at != std::string::npos);
    agent::Candidate candidate;
    candidate.path = "largest.py";
    candidate.replacements = {{at, at + from.size(), to}};
    candidate.score = 1;
    return candidate;
  }

  base::Status rate(std::vector<agent::Candidate>& candidates, size_t n, std::stop_token stop = {}) {
    return judge->rate(*code, candidates, n, deadline, stop);
  }

  test::TempDir folder;
  std::optional<tools::WorkTree> tree;
  std::optional<agent::CodeBase> code;
  std::unique_ptr<agent::ModelJudge> judge;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + std::chrono::hours(1);
};

}  // namespace

TEST_CASE("model judge: what code looks like counts for an edit, what it does not look like against it") {
  Judged j;
  std::vector<agent::Candidate> candidates = {Judged::change("return value", "return best"),
                                              Judged::change("return value", "return value, value"),
                                              Judged::change("value in values", "values in value")};
  REQUIRE(j.rate(candidates, candidates.size()));
  CHECK(candidates[0].model_gain > 0);
  CHECK(candidates[1].model_gain < candidates[0].model_gain);
  CHECK(candidates[2].model_gain < 0);
  CHECK(agent::total_score(candidates[0]) > 1);
  CHECK(agent::total_score(candidates[2]) < 1);
}

TEST_CASE("model judge: of a change at two places how its lines read is not asked") {
  Judged j;
  std::vector<agent::Candidate> candidates = {Judged::change("return value", "return value, value")};
  REQUIRE(j.rate(candidates, 1));
  CHECK(candidates[0].model_gain != 0);
  candidates = {Judged::change("return value", "return value, value")};
  candidates[0].two_places = true;
  REQUIRE(j.rate(candidates, 1));
  CHECK(candidates[0].model_gain == 0);
}

TEST_CASE("model judge: no opinion outweighs everything else that is known") {
  Judged j;
  std::vector<agent::Candidate> candidates = {Judged::change("if value < best", "if ) ~ ( yield @@ ] value"),
                                              Judged::change("values[0]", "values[00 is not lambda: 0]")};
  REQUIRE(j.rate(candidates, candidates.size()));
  for (const agent::Candidate& candidate : candidates)
    CHECK(candidate.model_gain == doctest::Approx(-agent::ModelJudge::kMostGain));
}

TEST_CASE("model judge: says nothing of what it was not asked, of edits in several files, and after its time") {
  Judged j;
  std::vector<agent::Candidate> candidates(3, Judged::change("return value", "return best"));
  candidates[0].also = {{"other.py", {{0, 0, "x"}}}};
  REQUIRE(j.rate(candidates, 2));
  CHECK(candidates[0].model_gain == 0);
  CHECK(candidates[1].model_gain != 0);
  CHECK(candidates[2].model_gain == 0);

  std::vector<agent::Candidate> late(1, Judged::change("return value", "return best"));
  j.deadline = std::chrono::steady_clock::now();
  REQUIRE(j.rate(late, 1));
  CHECK(late[0].model_gain == 0);
}

TEST_CASE("model judge: a cancelled question is an error") {
  Judged j;
  std::vector<agent::Candidate> candidates(1, Judged::change("return value", "return best"));
  std::stop_source stop;
  stop.request_stop();
  const base::Status rated = j.rate(candidates, 1, stop.get_token());
  REQUIRE(!rated);
  CHECK(rated.error().code == base::ErrorCode::kCancelled);
}

TEST_CASE("model judge: its own lines speak of names that are there") {
  Judged j;
  agent::Suspects suspects;
  suspects.lines["largest.py"] = {{4, .5}, {6, .5}};
  auto written = j.judge->write_lines(*j.code, suspects, 2, j.deadline, {});
  REQUIRE(written);
  REQUIRE_FALSE(written->empty());
  double all = 0;
  for (const agent::Candidate& candidate : *written) {
    const std::string text = agent::apply(kProgram, candidate.replacements);
    CHECK(text != kProgram);
    CHECK((candidate.line == 4 || candidate.line == 6));
    for (const std::string_view name : agent::identifiers(candidate.replacements.front().text))
      CHECK((kProgram.find(name) != std::string::npos));
    all += candidate.score;
  }
  CHECK(all > 0);
  CHECK(all <= 2);
}

TEST_CASE("model judge: it writes no line of a comment, and no comment in place of nothing") {
  const std::string text =
      "/*\n  Counts what is there\n  and tells how much it is\n*/\n\n"
      "int count(const int *values, int n) {\n  int total = 0; /* so far */\n  return total + n;\n}\n";
  Judged j;
  j.folder.write("count.c", text);
  j.code.emplace(*agent::CodeBase::load(*j.tree, "make check", {}, {}));
  agent::Suspects suspects;
  for (int line = 1; line <= 9; ++line) suspects.lines["count.c"][line] = 1;
  auto written = j.judge->write_lines(*j.code, suspects, 2, j.deadline, {});
  REQUIRE(written);
  REQUIRE_FALSE(written->empty());
  for (const agent::Candidate& candidate : *written) {
    CAPTURE(candidate.description);
    CHECK(candidate.line >= 6);
    const std::string line(base::trim(candidate.replacements.front().text));
    CHECK_FALSE((line.starts_with("/*") && line.find("*/") == line.size() - 2));
    CHECK_FALSE(line.starts_with("//"));
  }
}
