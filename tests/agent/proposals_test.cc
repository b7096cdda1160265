// SPDX-License-Identifier: Apache-2.0
#include "agent/proposals.h"

#include <doctest/doctest.h>

#include "agent/ranking.h"
#include "tests/support/temp_dir.h"
#include "tools/work_tree.h"

TEST_CASE("proposals: no candidate edits, moves or drops an assertion, however suspect the lines around it are") {
  test::TempDir folder;
  const std::string text =
      "def f(x, out):\n    y = x + 1\n    out.add(y)\n    assert y > 0\n    out.add(x)\n    z = y * 2\n    return z\n";
  folder.write("a.py", text);
  const auto tree = tools::WorkTree::open(folder.path());
  auto code = agent::CodeBase::load(*tree, "python3 run.py", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"a.py"});
  const std::string output =
      "Traceback (most recent call last):\n  File \"a.py\", line 5, in f\n    out.add(x)\n  File \"a.py\", line 3, in "
      "f\n    out.add(y)\nValueError: 1\n";
  const agent::Ground ground{{}, {}, agent::read_check_output(output, resolver), output};
  const agent::Coverage coverage;
  const std::vector<std::string> changed;
  const agent::FixRequest request;
  const auto proposals = agent::propose({*code, coverage, changed, request}, ground, {});
  REQUIRE(proposals);
  CHECK(proposals->candidates.size() > 20);
  for (const agent::Candidate& candidate : proposals->candidates) {
    const std::string after = agent::apply(text, candidate.replacements);
    CAPTURE(candidate.description);
    CHECK(after.find("    assert y > 0\n") != std::string::npos);
    CHECK(after.find("    assert ", after.find("    assert ") + 1) == std::string::npos);
  }
}

TEST_CASE("proposals: what holds an assertion does not go away with it") {
  test::TempDir folder;
  const std::string text =
      "def f(x, out):\n    if x > 0:\n        out.add(x)\n        assert out\n    for y in out:\n        out.add(y)\n  "
      "      assert y\n    return out\n";
  folder.write("a.py", text);
  const auto tree = tools::WorkTree::open(folder.path());
  auto code = agent::CodeBase::load(*tree, "python3 run.py", {}, {});
  REQUIRE(code);
  const agent::PathResolver resolver(tree->root(), {"a.py"});
  const std::string output =
      "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    if x > 0:\nValueError: 1\n";
  const agent::Ground ground{{}, {}, agent::read_check_output(output, resolver), output};
  const agent::Coverage coverage;
  const std::vector<std::string> changed;
  const agent::FixRequest request;
  const auto proposals = agent::propose({*code, coverage, changed, request}, ground, {});
  REQUIRE(proposals);
  for (const agent::Candidate& candidate : proposals->candidates) {
    const std::string after = agent::apply(text, candidate.replacements);
    CAPTURE(candidate.description);
    CHECK(after.find("        assert out\n") != std::string::npos);
    CHECK(after.find("        assert y\n") != std::string::npos);
  }
}
